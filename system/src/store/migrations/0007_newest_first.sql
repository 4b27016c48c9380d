-- Who asks for the newest reads as many as that and no more: a customer of their orders, whose ids grow
-- with time, and the support team of the alerts.

DROP INDEX orders_of_user;
CREATE INDEX orders_of_user ON orders (user_id, id);
CREATE INDEX alerts_newest ON alerts (raised_at DESC, order_id, kind);
