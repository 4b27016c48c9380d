-- Accounts, the ledger, and the keys under which money moved. Constraints are named for the rule
-- that they keep.
-- One text for SQLite and PostgreSQL: TEXT and BIGINT only; times are microseconds since the epoch.

CREATE TABLE accounts (
    owner          TEXT   NOT NULL PRIMARY KEY,
    -- In minor units. Always the sum of the account's entries.
    balance        BIGINT NOT NULL,
    currency       TEXT   NOT NULL,
    -- INTERNAL: the Bank's own side of a posting, which no request can name.
    status         TEXT   NOT NULL CONSTRAINT accounts_status
                   CHECK (
        status = 'OPEN' OR status = 'FROZEN' OR status = 'CLOSED' OR status = 'INTERNAL'),
    -- The content of the opening, to tell its repeat from another one.
    opened_balance BIGINT NOT NULL,
    opened_status  TEXT   NOT NULL,
    opened_at      BIGINT NOT NULL,
    CONSTRAINT accounts_not_overdrawn CHECK (balance >= 0 OR status = 'INTERNAL')
);

-- Where opening balances come from, and the tills that the shop's takings go to.
INSERT INTO accounts (owner, balance, currency, status, opened_balance, opened_status, opened_at)
VALUES ('outside', 0, 'AUD', 'INTERNAL', 0, 'INTERNAL', 0),
       ('shop-0', 0, 'AUD', 'INTERNAL', 0, 'INTERNAL', 0),
       ('shop-1', 0, 'AUD', 'INTERNAL', 0, 'INTERNAL', 0),
       ('shop-2', 0, 'AUD', 'INTERNAL', 0, 'INTERNAL', 0),
       ('shop-3', 0, 'AUD', 'INTERNAL', 0, 'INTERNAL', 0),
       ('shop-4', 0, 'AUD', 'INTERNAL', 0, 'INTERNAL', 0),
       ('shop-5', 0, 'AUD', 'INTERNAL', 0, 'INTERNAL', 0),
       ('shop-6', 0, 'AUD', 'INTERNAL', 0, 'INTERNAL', 0),
       ('shop-7', 0, 'AUD', 'INTERNAL', 0, 'INTERNAL', 0);

-- Double entry: the amounts of a transaction sum to 0. Never changed, never deleted.
CREATE TABLE entries (
    transaction_id TEXT   NOT NULL,
    account        TEXT   NOT NULL,
    amount         BIGINT NOT NULL CONSTRAINT entries_not_empty CHECK (amount <> 0),
    PRIMARY KEY (transaction_id, account)
);

CREATE TABLE debits (
    -- DEBIT-<orderId>
    key            TEXT   NOT NULL PRIMARY KEY,
    order_id       TEXT   NOT NULL CONSTRAINT debits_one_per_order UNIQUE,
    -- A tombstone (VOIDED before any debit came) has no account and no amount.
    account        TEXT,
    amount         BIGINT,
    currency       TEXT,
    outcome        TEXT   NOT NULL CONSTRAINT debits_outcome
                   CHECK (
        outcome = 'DEBITED' OR outcome = 'DECLINED' OR outcome = 'VOIDED'),
    reason         TEXT,
    transaction_id TEXT,
    at             BIGINT NOT NULL,
    CONSTRAINT debits_content CHECK (outcome = 'VOIDED' OR
        (account IS NOT NULL AND amount IS NOT NULL AND amount > 0 AND currency IS NOT NULL)),
    CONSTRAINT debits_transaction CHECK ((outcome = 'DEBITED') = (transaction_id IS NOT NULL)),
    CONSTRAINT debits_reason CHECK ((outcome = 'DECLINED') = (reason IS NOT NULL))
);

CREATE TABLE refunds (
    -- REFUND-<orderId>
    key            TEXT   NOT NULL PRIMARY KEY,
    debit_key      TEXT   NOT NULL CONSTRAINT refunds_one_per_debit UNIQUE,
    amount         BIGINT NOT NULL CONSTRAINT refunds_positive CHECK (amount > 0),
    currency       TEXT   NOT NULL,
    transaction_id TEXT   NOT NULL,
    at             BIGINT NOT NULL
);
