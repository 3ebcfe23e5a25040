# The sandwire server in an image. README.md, "In an image", says how to build, run and extend it.
#
#   docker build -t sandwire .                     the server, bash and git
#   docker build -t sandwire:full --target full .  and Python, Jupyter, Node.js, s3fs
#   docker build -t sandwire:server --target server .   only the file /sandwire-server, for images of your own

ARG RUST_IMAGE=docker.io/library/rust:1.95-slim-trixie
# Debian without what it can do without. Not smaller, as Alpine or a distroless base: a sandbox runs what people bring, and
# prebuilt programs (Python's wheels, Node.js, most that is downloaded) are made for glibc; its shell is bash, which the
# server's shell sessions need; and apt has the rest. The server itself needs nothing of it.
ARG DEBIAN_IMAGE=docker.io/library/debian:trixie-slim
ARG NODE_IMAGE=docker.io/library/node:24-trixie-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
# A profile of Cargo.toml: `release`, or `image-test`, which is built sooner.
ARG PROFILE=release
# Static, so that the one file runs in every image. `resolver` because the C library's look-up of names loads modules
# of the image that it happens to run in. What was built stays in the builder's cache: only what changed is built anew.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    target="$(rustc --print host-tuple)" \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --profile "${PROFILE}" --target "${target}" \
        --package sandwire-server --features resolver \
    && install -D "target/${target}/${PROFILE}/sandwire-server" /out/sandwire-server

FROM scratch AS server
COPY --from=build /out/sandwire-server /sandwire-server
ENTRYPOINT ["/sandwire-server"]

FROM ${DEBIAN_IMAGE} AS sandwire
# A sandbox wants what its Debian has now, and pinned versions leave Debian's servers with the next fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    && useradd --uid 1000 --user-group --create-home --shell /bin/bash sandbox \
    && install --directory --owner=sandbox --group=sandbox /workspace
COPY --from=server /sandwire-server /usr/local/bin/sandwire-server
# A number, so that Kubernetes can see that it is not root.
USER 1000:1000
ENV HOME=/home/sandbox \
    SANDWIRE_LISTEN=0.0.0.0:7070 \
    SANDWIRE_WORKSPACE=/workspace
WORKDIR /workspace
EXPOSE 7070
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["sandwire-server", "health"]
# Without SANDWIRE_TOKEN it does not start, and says so.
ENTRYPOINT ["sandwire-server"]
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="sandwire" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.description="Everything in a sandbox over one WebSocket" \
      org.opencontainers.image.source="https://github.com/sandwire/sandwire" \
      org.opencontainers.image.documentation="https://github.com/sandwire/sandwire#readme" \
      org.opencontainers.image.licenses="Apache-2.0"

FROM ${NODE_IMAGE} AS node

FROM sandwire AS full
USER 0
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl procps python3 python3-venv ripgrep s3fs \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
    && install --directory --owner=sandbox --group=sandbox /opt/python
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
USER 1000:1000
# An environment of the user's own: `pip install` works in it without root.
RUN python3 -m venv /opt/python \
    && /opt/python/bin/pip install --no-cache-dir \
        ipykernel==7.4.0 jupyter_client==8.10.0 matplotlib==3.11.2 numpy==2.4.6 pandas==3.1.1
ENV PATH=/opt/python/bin:/usr/local/bin:/usr/bin:/bin

# What is built when nobody says --target, and by wrangler.
FROM sandwire
