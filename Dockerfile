# One image for every process: the command says which, as in `docker run nightshift services.email`.

FROM python:3.13-slim AS dependencies
RUN apt-get update && apt-get install -y --no-install-recommends binutils
RUN python -m venv --without-pip /venv
COPY deploy/requirements.lock /
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /venv/bin/python install --disable-pip-version-check --require-hashes -r /requirements.lock
# Debugging symbols and the packages' own tests: 40 MB. Not of libraries that wheels bring along, which it would break.
RUN cd /venv/lib/python3*/site-packages \
 && find asyncpg greenlet httptools sqlalchemy uvloop -name '*.so' -exec strip --strip-debug {} + \
 && find . -depth -type d \( -name tests -o -name SelfTest \) -exec rm -rf {} +

FROM python:3.13-slim AS code
WORKDIR /app
COPY contracts contracts
COPY schema schema
COPY services services
COPY shared shared
COPY deploy deploy
# A checkout made under umask 077 is its owner's alone, and the processes have another user.
RUN chmod -R a+rX .
# Compiled here, because the file system is read-only later. Unchecked, because the sources cannot change.
RUN python -m compileall -q --invalidation-mode unchecked-hash .
ARG REVISION=
RUN [ -z "$REVISION" ] || echo "$REVISION" > shared/nightshift/revision.txt

# For thumbnails of PDFs in Chinese, Japanese and Korean that do not embed their fonts: 8 MB.
FROM python:3.13-slim AS fonts
RUN apt-get update && apt-get install -y --no-install-recommends fonts-droid-fallback fonts-unfonts-core \
 && find /usr/share/fonts/truetype/unfonts-core ! -name UnDotum.ttf -type f -delete

FROM python:3.13-slim
WORKDIR /app
COPY --from=fonts /usr/share/fonts /usr/share/fonts
COPY --from=dependencies /venv /venv
COPY --from=code /app /app
RUN printf '#!/bin/sh\nexec python -m nightshift.cli "$@"\n' > /usr/local/bin/nightshift && chmod 755 /usr/local/bin/nightshift
# Folders that become volumes: a new named volume gets their owner, so that no process needs to be root.
RUN useradd --uid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin nightshift \
 && own() { install -d -o nightshift -g nightshift -m 0750 "$@"; } \
 && own /scratch /run/credentials /volumes /volumes/data /volumes/data/nats /volumes/data/seaweedfs /volumes/credentials \
        /volumes/data/nats-1 /volumes/data/nats-2 /volumes/data/nats-3 \
 && for holder in authority s3-policies nats seaweedfs postgres grafana provision producer $(ls -d services/*/ | grep -v __pycache__); do \
      own "/volumes/credentials/$(basename "$holder")"; done
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app/shared PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HEALTH_HOST=:: HEALTH_PORT=8080 LOG_FORMAT=json SCRATCH_FOLDER=/scratch
USER nightshift
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-S", "-m", "deploy.probe", "/healthz"]
ARG REVISION=
LABEL org.opencontainers.image.revision=$REVISION
# What processes tell of themselves, so that a deploy is seen.
ENV APP_VERSION=$REVISION
ENTRYPOINT ["python", "-m"]
