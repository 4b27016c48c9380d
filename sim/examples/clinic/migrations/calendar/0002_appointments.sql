-- The key of an appointment is its slot: no slot can be given twice.
CREATE TABLE appointments (
    slot    BIGINT NOT NULL PRIMARY KEY,
    patient TEXT   NOT NULL,
    request TEXT   NOT NULL CONSTRAINT one_slot_a_request UNIQUE
);
