-- What was mailed. The inbox sees to it that each appointment is here once.
CREATE TABLE reminders (
    request TEXT   NOT NULL,
    slot    BIGINT NOT NULL
);
