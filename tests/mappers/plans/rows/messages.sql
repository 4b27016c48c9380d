-- What every service keeps after 20,000 orders: a message sent and one received for each of them,
-- two moves of a machine, and an alert for one in twenty. The last 400 are under way.

-- Those orders, a second apart, each with its customer: a few have bought most.
CREATE TEMPORARY TABLE placed AS
SELECT n, '019b2c00-0000-7000-8000-' || lpad(n::text, 12, '0') AS id,
    '019b0000-0000-7000-8000-' ||
        lpad(floor(2000 * power(n * 7919 % 20000 / 20000.0, 2))::text, 12, '0') AS customer,
    1893456000000000 + n * 1000000::bigint AS at,
    CASE WHEN n > 19600 THEN 'IN_TRANSIT' WHEN n % 20 = 0 THEN 'CANCELLED'
        WHEN n % 25 = 1 THEN 'FAILED' WHEN n % 100 = 3 THEN 'LOST' ELSE 'DELIVERED' END AS status
FROM generate_series(1, 20000) n;

INSERT INTO outbox (id, exchange, routing_key, correlation_id, schema_name, schema_version,
    traceparent, body, status, attempts, created_at, next_attempt_at, sent_at)
SELECT '019b2c01-0000-7000-8000-' || lpad(n::text, 12, '0'), 'shop', 'email.order', id,
    'email.order', 1, '', repeat('{"orderId":"it"}', 20),
    CASE WHEN n > 19980 THEN 'NEW' ELSE 'SENT' END, 1, at, at + 10000000,
    CASE WHEN n > 19980 THEN NULL ELSE at + 100000 END
FROM placed ORDER BY n;

INSERT INTO inbox (queue, message_id, received_at)
SELECT 'store.carrier', '019b2c02-0000-7000-8000-' || lpad(n::text, 12, '0'), at
FROM placed ORDER BY n;

INSERT INTO audit (id, noun, subject, from_state, to_state, at, node)
SELECT '019b2c03-0000-7000-8000-' || lpad((2 * n + move)::text, 12, '0'), 'order', id,
    'IN_TRANSIT', status, at + 3000000 * move, 'replica-1'
FROM placed, generate_series(0, 1) move ORDER BY n, move;

INSERT INTO alerts (id, order_id, kind, cause, text, raised_at)
SELECT '019b2c04-0000-7000-8000-' || lpad(n::text, 12, '0'), id, 'lost', '', repeat('The parcel is lost. ', 5), at FROM placed WHERE n % 20 = 3 ORDER BY n;
