-- What every service keeps: its outbox, inbox and audit trail.
-- One text for SQLite and PostgreSQL: TEXT and BIGINT only; times are microseconds since the epoch.

CREATE TABLE outbox (
    id              TEXT   NOT NULL PRIMARY KEY,
    exchange        TEXT   NOT NULL,
    routing_key     TEXT   NOT NULL,
    correlation_id  TEXT   NOT NULL,
    schema_name     TEXT   NOT NULL,
    schema_version  BIGINT NOT NULL,
    traceparent     TEXT   NOT NULL,
    body            TEXT   NOT NULL,
    status          TEXT   NOT NULL CONSTRAINT outbox_status CHECK (status IN ('NEW', 'SENT')),
    attempts        BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    sent_at         BIGINT
);
CREATE INDEX outbox_due ON outbox (next_attempt_at, id) WHERE status = 'NEW';

CREATE TABLE inbox (
    queue       TEXT   NOT NULL,
    message_id  TEXT   NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (queue, message_id)
);

CREATE TABLE audit (
    id         TEXT   NOT NULL PRIMARY KEY,
    noun       TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    from_state TEXT   NOT NULL,
    to_state   TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    node       TEXT   NOT NULL
);
CREATE INDEX audit_subject ON audit (subject);
