-- The Bank's accounts and its ledger: who opened one, who paid, whose money came back.

INSERT INTO accounts (owner, balance, currency, status, opened_balance, opened_status, opened_at)
SELECT '019b0000-0000-7000-8000-' || lpad(n::text, 12, '0'), 100000, 'AUD', 'OPEN', 200000, 'OPEN',
    1893456000000000 + n
FROM generate_series(0, 1999) n;

INSERT INTO debits (key, order_id, account, amount, currency, outcome, reason, transaction_id, at)
SELECT 'DEBIT-' || id, id, customer, 4200, 'AUD',
    CASE status WHEN 'FAILED' THEN 'DECLINED' ELSE 'DEBITED' END,
    CASE status WHEN 'FAILED' THEN 'no funds' END,
    CASE status WHEN 'FAILED' THEN NULL ELSE '019b2c04-0000-7000-8000-' || lpad(n::text, 12, '0') END,
    at
FROM placed ORDER BY n;

INSERT INTO refunds (key, debit_key, amount, currency, transaction_id, at)
SELECT 'REFUND-' || id, 'DEBIT-' || id, 4200, 'AUD',
    '019b2c07-0000-7000-8000-' || lpad(n::text, 12, '0'), at
FROM placed WHERE status IN ('CANCELLED', 'LOST') ORDER BY n;

INSERT INTO entries (transaction_id, account, amount)
SELECT moved.transaction_id, side.account, side.amount
FROM (SELECT transaction_id, account, amount, at FROM debits WHERE outcome = 'DEBITED'
    UNION ALL
    SELECT r.transaction_id, d.account, -r.amount, r.at FROM refunds r JOIN debits d ON d.key = r.debit_key
) moved,
LATERAL (VALUES (moved.account, -moved.amount), ('shop-' || moved.at / 1000000 % 8, moved.amount))
    side (account, amount)
ORDER BY moved.at;
