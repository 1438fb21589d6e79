-- Copyright: Contributors to the vya.backupdb project
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE TABLE members (
    id int AUTO_INCREMENT PRIMARY KEY,
    name varchar(200) NOT NULL,
    email varchar(200) NOT NULL UNIQUE,
    city varchar(100),
    joined date NOT NULL
);
CREATE TABLE authors (id int AUTO_INCREMENT PRIMARY KEY, name varchar(200) NOT NULL, born smallint);
CREATE TABLE books (
    id int AUTO_INCREMENT PRIMARY KEY,
    author_id int NOT NULL,
    title varchar(200) NOT NULL,
    isbn char(13),
    published smallint,
    cover mediumblob,
    FULLTEXT KEY (title),
    FOREIGN KEY (author_id) REFERENCES authors (id)
);
CREATE TABLE copies (
    id int AUTO_INCREMENT PRIMARY KEY,
    book_id int NOT NULL,
    shelf varchar(10) NOT NULL,
    FOREIGN KEY (book_id) REFERENCES books (id)
);
CREATE TABLE loans (
    id bigint AUTO_INCREMENT PRIMARY KEY,
    copy_id int NOT NULL,
    member_id int NOT NULL,
    lent date NOT NULL,
    returned date,
    CHECK (returned >= lent),
    FOREIGN KEY (copy_id) REFERENCES copies (id),
    FOREIGN KEY (member_id) REFERENCES members (id)
);

DELIMITER $$
CREATE FUNCTION loans_of(wanted int) RETURNS int READS SQL DATA
BEGIN
    RETURN (SELECT count(*) FROM loans WHERE member_id = wanted);
END$$
CREATE TRIGGER loan_is_possible BEFORE UPDATE ON loans FOR EACH ROW
BEGIN
    IF NEW.returned < NEW.lent THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'returned before it was lent';
    END IF;
END$$
DELIMITER ;

CREATE VIEW overdue AS
    SELECT m.name, b.title, l.lent FROM loans AS l JOIN members AS m ON m.id = l.member_id
    JOIN copies AS c ON c.id = l.copy_id JOIN books AS b ON b.id = c.book_id WHERE l.returned IS NULL;
CREATE VIEW busiest_members AS SELECT id, name, loans_of(id) AS loans FROM members ORDER BY loans DESC, id LIMIT 10;
