//! `GET /metrics`: Prometheus' text format, by the `metrics` facade.

use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::sandbox::machine;
use crate::server::Server;

/// Renders what was counted.
pub(crate) struct Exporter(PrometheusHandle);

impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Exporter").finish()
    }
}

impl Exporter {
    /// Counts from here on, in the whole process.
    pub(crate) fn install() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::debug!("something in this process counts already");
        }
        describe_gauge!("sandwire_connections", "Connections now");
        describe_gauge!("sandwire_lanes", "Lanes now, those included whose connection is lost");
        describe_gauge!("sandwire_channels", "Channels now");
        describe_gauge!("sandwire_processes", "Background processes that run");
        describe_gauge!("sandwire_terminals", "Terminals that live");
        describe_gauge!("sandwire_kernels", "Jupyter kernels that live, those that wait for a context included");
        describe_gauge!("sandwire_previews", "Connections to exposed ports now");
        describe_gauge!("sandwire_exposed_ports", "Ports that are exposed");
        describe_counter!("sandwire_preview_requests_total", "Requests that were passed on to exposed ports");
        describe_gauge!("sandwire_retained_bytes_left", "What is left of the setting retained_bytes");
        describe_gauge!("sandwire_sessions", "Browsers that are signed in");
        describe_gauge!("sandwire_busy", "1 while there is work that sleep would end: see `sandbox.activity`");
        describe_gauge!("sandwire_idle_seconds", "Time since anybody did anything");
        describe_counter!("sandwire_channels_opened_total", "Channels by kind");
        describe_counter!("sandwire_channels_failed_total", "Channels that ended with an error, by kind and code");
        describe_counter!("sandwire_refused_total", "Connections and requests that were not let in, by reason");
        describe_gauge!("sandwire_memory_bound_bytes", "Upper bound of the server's own memory, by its settings");
        describe_gauge!("process_resident_memory_bytes", "Resident memory of the server itself");
        describe_counter!("process_cpu_seconds_total", "CPU time of the server itself");
        Self(handle)
    }

    /// The metrics as text, with as many sessions as there are.
    pub(crate) fn render(&self, server: &Server, sessions: usize) -> String {
        let counts = server.counts();
        gauge!("sandwire_connections").set(f64::from(counts.connections));
        gauge!("sandwire_lanes").set(f64::from(counts.lanes));
        gauge!("sandwire_channels").set(f64::from(counts.channels));
        gauge!("sandwire_processes").set(f64::from(counts.processes));
        gauge!("sandwire_terminals").set(f64::from(counts.terminals));
        gauge!("sandwire_kernels").set(server.sandbox.kernels.living() as f64);
        gauge!("sandwire_previews").set(f64::from(counts.previews));
        gauge!("sandwire_exposed_ports").set(server.sandbox.exposed(false).len() as f64);
        gauge!("sandwire_retained_bytes_left").set(server.lanes.retained_left() as f64);
        gauge!("sandwire_sessions").set(sessions as f64);
        gauge!("sandwire_busy").set(f64::from(u8::from(server.sandbox.activity.busy())));
        gauge!("sandwire_idle_seconds").set(server.sandbox.activity.idle().as_secs_f64());
        gauge!("sandwire_memory_bound_bytes").set(server.memory_bound as f64);
        let own = machine::own();
        gauge!("process_resident_memory_bytes").set(own.memory as f64);
        counter!("process_cpu_seconds_total").absolute(own.cpu_us / 1_000_000);
        self.0.render()
    }
}
