-- The origin database of the example: 5,000 products.
CREATE TABLE product (
  id    INTEGER PRIMARY KEY,
  name  TEXT NOT NULL,
  price REAL NOT NULL
);

WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 5000)
INSERT INTO product (id, name, price)
SELECT id,
       CASE id % 5 WHEN 0 THEN 'Kettle' WHEN 1 THEN 'Teapot' WHEN 2 THEN 'Cup' WHEN 3 THEN 'Saucer' ELSE 'Tray' END
         || ' no. ' || id,
       ROUND(2.50 + (id * 37 % 9000) / 100.0, 2)
FROM n;
