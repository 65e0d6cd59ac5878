# One image for every part of the fleet; the command says which part (docker-compose.yml names them).
# It holds no compiler, no secret and no data. Postgres and the broker are other containers' business:
# the embedded servers that come with the requirements are never started in here.

FROM python:3.11-slim AS packages
COPY requirements/run.txt /tmp/run.txt
RUN python -m venv /opt/earshot \
 && /opt/earshot/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/run.txt
COPY .ci/front-end /build/.ci/
COPY requirements/node.txt requirements/package.json requirements/package-lock.json requirements/.npmrc /build/requirements/
RUN /build/.ci/front-end /opt/earshot --omit=dev

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin earshot
COPY --from=packages /opt/earshot /opt/earshot
# The packages are run from where they lie, so that building the image needs no build backend.
RUN printf '%s\n' '#!/opt/earshot/bin/python' 'from console.cli import main' 'main()' > /opt/earshot/bin/earshot \
 && chmod 755 /opt/earshot/bin/earshot
ENV PATH=/opt/earshot/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EARSHOT_HOME=/tmp/earshot \
    EARSHOT_READY_FILE=/tmp/ready
WORKDIR /app
COPY . .
USER 10001
CMD ["earshot", "--help"]
