-- Copyright: Contributors to the vya.backupdb project
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE TABLE customers (
    id int AUTO_INCREMENT PRIMARY KEY,
    name varchar(200) NOT NULL,
    email varchar(200) NOT NULL UNIQUE,
    city varchar(100),
    joined date NOT NULL
);
CREATE TABLE categories (id int AUTO_INCREMENT PRIMARY KEY, name varchar(100) NOT NULL UNIQUE);
CREATE TABLE products (
    id int AUTO_INCREMENT PRIMARY KEY,
    category_id int NOT NULL,
    name varchar(200) NOT NULL,
    price decimal(10, 2) NOT NULL CHECK (price > 0),
    price_with_tax decimal(10, 2) GENERATED ALWAYS AS (round(price * 1.23, 2)) STORED,
    stock int NOT NULL DEFAULT 0,
    picture mediumblob,
    KEY (name),
    FOREIGN KEY (category_id) REFERENCES categories (id)
);
CREATE TABLE price_history (
    id bigint AUTO_INCREMENT PRIMARY KEY,
    product_id int NOT NULL,
    old_price decimal(10, 2),
    new_price decimal(10, 2),
    FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
);
CREATE TABLE orders (
    id int AUTO_INCREMENT PRIMARY KEY,
    customer_id int NOT NULL,
    ordered_at datetime NOT NULL,
    status enum('open', 'paid', 'cancelled') NOT NULL,
    remark text,
    FOREIGN KEY (customer_id) REFERENCES customers (id)
);
CREATE TABLE order_items (
    order_id int,
    product_id int,
    quantity int NOT NULL CHECK (quantity > 0),
    unit_price decimal(10, 2) NOT NULL,
    PRIMARY KEY (order_id, product_id),
    FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
    FOREIGN KEY (product_id) REFERENCES products (id)
);
CREATE TABLE payments (
    id int AUTO_INCREMENT PRIMARY KEY,
    order_id int NOT NULL UNIQUE,
    paid_at datetime NOT NULL,
    amount decimal(12, 2) NOT NULL,
    method varchar(20) NOT NULL,
    FOREIGN KEY (order_id) REFERENCES orders (id)
);

DELIMITER $$
CREATE FUNCTION order_total(wanted int) RETURNS decimal(12, 2) READS SQL DATA
BEGIN
    RETURN (SELECT sum(quantity * unit_price) FROM order_items WHERE order_id = wanted);
END$$
CREATE PROCEDURE raise_prices(category varchar(100), percent decimal(5, 2)) MODIFIES SQL DATA
BEGIN
    UPDATE products SET price = round(price * (1 + percent / 100), 2)
    WHERE category_id = (SELECT id FROM categories WHERE name = category);
END$$
CREATE TRIGGER price_changed AFTER UPDATE ON products FOR EACH ROW
BEGIN
    IF NEW.price <> OLD.price THEN
        INSERT INTO price_history (product_id, old_price, new_price) VALUES (NEW.id, OLD.price, NEW.price);
    END IF;
END$$
CREATE EVENT forget_prices ON SCHEDULE EVERY 1 MONTH STARTS '2030-01-01 00:00:00' COMMENT 'keep it short' DO
BEGIN
    DELETE FROM price_history WHERE id < 1000;
END$$
DELIMITER ;

CREATE VIEW order_totals AS SELECT id, customer_id, status, order_total(id) AS total FROM orders;
CREATE VIEW best_customers AS
    SELECT c.name, c.city, sum(t.total) AS total FROM customers AS c JOIN order_totals AS t ON t.customer_id = c.id
    WHERE t.status = 'paid' GROUP BY c.id ORDER BY total DESC LIMIT 10;
