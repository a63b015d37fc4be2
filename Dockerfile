# A job of libtrain in a container:
#
#     docker build -t libtrain:0.1.0 .
#     docker run --rm --read-only -v "$PWD/digits.json:/job/job.json:ro" -v runs:/app/runs -v cache:/app/.cache libtrain:0.1.0
#
# docs/jobs.md has the rest. For a GPU, BASE is an image with CUDA 13, cuBLASLt, NVRTC and cuDNN 9.
ARG BASE=debian:bookworm-slim
ARG DENO=denoland/deno:bin-2.9.6

FROM rust:1.95-slim-bookworm AS library
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY core-rs core-rs
RUN cargo build --release --locked

FROM ${DENO} AS deno

FROM debian:bookworm-slim AS packages
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
COPY --from=deno /deno /usr/local/bin/deno
ENV DENO_DIR=/deno-dir
WORKDIR /app
COPY deno.json deno.lock mod.ts ./
COPY types types
COPY lib lib
COPY tasks tasks
COPY studies studies
COPY examples examples
# What is compiled here need not be at each start, when the folder can only be read.
RUN deno install --frozen && deno cache --frozen mod.ts tasks/*.ts && rm -r /deno-dir/npm

FROM ${BASE}
COPY --from=deno /deno /usr/local/bin/deno
COPY --from=packages /deno-dir /deno-dir
COPY --from=packages /app /app
COPY --from=library /build/target/release/liblibtrain.so /app/target/release/liblibtrain.so
ENV DENO_DIR=/deno-dir DENO_NO_UPDATE_CHECK=1 NO_COLOR=1
WORKDIR /app
# All that is written: mount volumes here, and the rest of the file system can be read-only.
RUN mkdir -p runs .cache && chown 10001:10001 runs .cache
VOLUME ["/app/runs", "/app/.cache"]
USER 10001:10001
# No shell and no launcher between: the process is the container's first and listens to SIGTERM itself. Where steps take
# long, `docker stop --timeout 120` gives it the time to save.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5m --timeout=30s --start-period=30s CMD ["deno", "run", "-q", "--no-prompt", "--cached-only", "-P=doctor", "tasks/main.ts", "doctor", "--json"]
ENTRYPOINT ["deno", "run", "-q", "--no-prompt", "--cached-only", "-P=job", "tasks/main.ts", "job"]
CMD ["/job/job.json"]
