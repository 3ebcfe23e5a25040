import { expect, test } from "vitest";
import type { Metrics } from "../../../../src/kinds/sandbox.ts";
import { added, column, KEPT, type Sample, sampleOf } from "./series.ts";

function metrics(at: number, change: Partial<Metrics> = {}): Metrics {
  return {
    time: new Date(at),
    cpu: 0,
    load1: 0.5,
    memoryUsed: 10,
    memoryTotal: 100,
    diskUsed: 1,
    diskTotal: 2,
    serverMemory: 5,
    serverCpu: 0,
    connections: 1,
    lanes: 1,
    channels: 1,
    processes: 0,
    terminals: 0,
    idle: 0,
    ...change,
  };
}

const traffic = { down: 1, up: 2 };

test("rates need two readings, and are of all cores", () => {
  const first = metrics(1000, { cpu: 100, serverCpu: 10 });
  expect(sampleOf(undefined, first, 2, traffic)).toMatchObject({
    at: 1000,
    cpu: null,
    serverCpu: null,
    memory: 10,
    load: 0.5,
    up: 2,
  });
  const second = metrics(2000, { cpu: 1100, serverCpu: 260 });
  expect(sampleOf(first, second, 2, traffic)).toMatchObject({ cpu: 0.5, serverCpu: 0.25 });
  expect(sampleOf(first, metrics(1500, { cpu: 9100 }), 2, traffic).cpu).toBe(1);
  expect(sampleOf(second, metrics(3000), 2, traffic).cpu).toBe(0);
  expect(sampleOf(first, metrics(60_000, { cpu: 500 }), 2, traffic).cpu).toBeNull();
});

test("samples have a bound and an order, and a time that nobody saw is a hole", () => {
  let samples: readonly Sample[] = [];
  for (let i = 0; i < KEPT + 50; i += 1) samples = added(samples, sampleOf(undefined, metrics(i * 1000), 1, traffic));
  expect(samples.length).toBe(KEPT);
  const same = added(samples, sampleOf(undefined, metrics(1000), 1, traffic));
  expect(same).toBe(samples);
  const later = added(samples, sampleOf(undefined, metrics(10_000_000), 1, traffic));
  expect(column(later, "memory").slice(-3)).toEqual([10, null, 10]);
});
