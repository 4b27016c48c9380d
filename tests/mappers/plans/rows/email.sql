-- Mails: one when an order is placed, another when it has come to its end. A few are being sent.

INSERT INTO sent (order_id, template, message_id, recipient, subject, text, html, state, claimed_by,
    claimed_until, sent_at)
SELECT id, template, '<' || id || '.' || template || '@shop.example>', customer || '@shop.example',
    'Your order', repeat('Thank you. ', 40), repeat('<p>Thank you.</p>', 40),
    CASE WHEN n > 19990 THEN 'CLAIMED' ELSE 'SENT' END, 'claim-' || n, at + 30000000,
    CASE WHEN n > 19990 THEN NULL ELSE at END
FROM placed, unnest(ARRAY['placed', 'ended']) template ORDER BY n;
