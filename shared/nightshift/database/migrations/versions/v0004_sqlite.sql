-- What revision 0004 makes on SQLite. A line `--;;` ends a statement.
CREATE TRIGGER check_enqueued BEFORE INSERT ON outbox WHEN NEW.consumer = '' BEGIN
    SELECT RAISE(ABORT, 'outbox: no job can be enqueued as this subject: write jobs.<type>; the types are in the table producer_types, which `nightshift provision` fills')
    WHERE NEW.subject IS NULL OR NEW.subject NOT GLOB 'jobs.*'
        OR NOT EXISTS (SELECT 1 FROM producer_types WHERE type = substr(NEW.subject, 6));
    SELECT RAISE(ABORT, 'outbox: the body has more than 4194304 bytes: store what is larger, and send where it is')
    WHERE length(CAST(NEW.body AS BLOB)) > 4194304;
    SELECT RAISE(ABORT, 'outbox: the body is no JSON object')
    WHERE NOT coalesce(json_valid(CAST(NEW.body AS TEXT)), 0);
    SELECT RAISE(ABORT, 'outbox: the body is no JSON object')
    WHERE json_type(CAST(NEW.body AS TEXT)) <> 'object';
    SELECT RAISE(ABORT, 'outbox: the headers are no JSON: write names and texts, such as {"Job-Id": "welcome-17"}')
    WHERE NOT coalesce(json_valid(NEW.headers), 0);
    SELECT RAISE(ABORT, 'outbox: the headers are no JSON object of at most 16384 bytes')
    WHERE json_type(NEW.headers) <> 'object' OR length(CAST(NEW.headers AS BLOB)) > 16384;
    SELECT RAISE(ABORT, 'outbox: the name of a header is printable ASCII without blanks and colons, its value one line of text')
    FROM json_each(NEW.headers) AS header
    WHERE key = '' OR key GLOB '*[^!-9;-~]*' OR header.type <> 'text'
        OR value GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*' OR instr(value, char(0));
    SELECT RAISE(ABORT, 'outbox: Nats-*, Dead-*, Job-Attempt-Base and Job-Claim are not for producers: leave these headers out')
    FROM json_each(NEW.headers)
    WHERE lower(key) GLOB 'nats-*' OR lower(key) GLOB 'dead-*'
        OR ltrim(replace(replace(lower(key), '-', ''), '_', ''), 'x') IN ('jobattemptbase', 'jobclaim', 'natsmsgid');
    SELECT RAISE(ABORT, 'outbox: a header that is almost Job-Id would say nothing: do you mean Job-Id?')
    FROM json_each(NEW.headers)
    WHERE key <> 'Job-Id' AND ltrim(replace(replace(lower(key), '-', ''), '_', ''), 'x') = 'jobid';
    SELECT RAISE(ABORT, 'outbox: a Job-Id is not empty, and does not begin with <service>/<type>/ as those of follow-ups do')
    FROM (
        SELECT id, substr(id, 1, instr(id, '/') - 1) AS first, substr(rest, 1, instr(rest, '/') - 1) AS second
        FROM (SELECT value AS id, substr(value, instr(value, '/') + 1) AS rest FROM json_each(NEW.headers) WHERE key = 'Job-Id')
    )
    WHERE trim(id) = '' OR (
        first GLOB '[a-z]*' AND first NOT GLOB '*[^a-z0-9-]*' AND second GLOB '?*.?*' AND second NOT GLOB '*[^a-z0-9.-]*'
    );
    SELECT RAISE(ABORT, 'outbox: not_before is a time in UTC between 1970 and 2261, such as 2026-12-01 06:00:00 or 2026-12-01T06:00:00Z')
    WHERE NEW.not_before IS NOT NULL AND (
        NEW.not_before NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        OR coalesce(strftime('%Y', NEW.not_before), '') NOT BETWEEN '1970' AND '2261'
    );
END
--;;
-- What was written becomes what our own programs write: bytes, and times that can be compared as text.
CREATE TRIGGER finish_enqueued AFTER INSERT ON outbox WHEN NEW.consumer = '' BEGIN
    UPDATE outbox SET
        service = substr(NEW.subject, 6, instr(substr(NEW.subject, 6), '.') - 1),
        type = NULL,
        parent_id = NULL,
        tries = 0,
        retry_at = NULL,
        error = NULL,
        body = CAST(NEW.body AS BLOB),
        headers = CASE
            WHEN json_extract(NEW.headers, '$."Job-Id"') IS NOT NULL THEN NEW.headers
            ELSE json_set(NEW.headers, '$."Job-Id"',
                printf('%011x', CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)) || lower(hex(randomblob(10))))
        END,
        not_before = strftime('%Y-%m-%d %H:%M:%f', NEW.not_before) || '000',
        created_at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'
    WHERE rowid = NEW.rowid;
END
