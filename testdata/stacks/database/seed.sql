CREATE TABLE products (id TEXT PRIMARY KEY, body TEXT NOT NULL);
INSERT INTO products VALUES ('1', '{"name":"ice axe"}'), ('2', '{"name":"rope"}');
