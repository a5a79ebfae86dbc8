-- What revision 0004 makes on PostgreSQL. A line `--;;` ends a statement.
--
-- The functions that run as the owner of the tables, or within somebody's transaction, look nothing up by a search path of
-- the writer's choice: an operator of that name there could answer in the place of ours.
CREATE FUNCTION nightshift.new_job_id() RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 11, '0')
        || left(replace(gen_random_uuid()::text, '-', ''), 20)
$$
--;;
CREATE FUNCTION nightshift.refuse_enqueued(about text, message text, hint text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'outbox: %', message USING ERRCODE = 'check_violation', SCHEMA = 'nightshift', TABLE = 'outbox',
        COLUMN = about, HINT = hint;
END $$
--;;
-- Each header by itself: what a producer's user at the broker cannot send, or would send in vain.
CREATE FUNCTION nightshift.check_enqueued_headers(subject text, headers jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text;
    value jsonb;
    letters text;
    shown text;
BEGIN
    IF jsonb_typeof(headers) IS DISTINCT FROM 'object' OR octet_length(headers::text) > 16384 THEN
        PERFORM nightshift.refuse_enqueued('headers', format('the headers of %s are no JSON object of at most 16384 bytes',
            subject), 'Write names and texts, such as {"Job-Id": "welcome-17"}.');
    END IF;
    FOR name, value IN SELECT e.key, e.value FROM jsonb_each(headers) e LOOP
        shown := quote_literal(left(name, 100));
        letters := regexp_replace(translate(lower(name), '-_', ''), '^x', '');
        IF name COLLATE "C" !~ '^[!-9;-~]+$' OR jsonb_typeof(value) <> 'string'
            OR (value #>> '{}') COLLATE "C" ~ '[\x01-\x1f\x7f]' THEN
            PERFORM nightshift.refuse_enqueued('headers', format('%s cannot be a header of %s', shown, subject),
                'A name is printable ASCII without blanks and colons, a value one line of text.');
        ELSIF lower(name) LIKE 'nats-%' OR lower(name) LIKE 'dead-%'
            OR letters IN ('jobattemptbase', 'jobclaim', 'natsmsgid') THEN
            PERFORM nightshift.refuse_enqueued('headers', format('the header %s of %s is not for producers', shown, subject),
                'Leave it out: Nightshift itself sets Nats-*, Dead-*, Job-Attempt-Base and Job-Claim.');
        ELSIF name <> 'Job-Id' AND letters = 'jobid' THEN
            PERFORM nightshift.refuse_enqueued('headers', format('the header %s of %s would say nothing', shown, subject),
                'Do you mean Job-Id?');
        END IF;
    END LOOP;
    IF (headers ->> 'Job-Id') COLLATE "C" ~ '^ *$|^[a-z][a-z0-9-]*/[a-z0-9-]+(\.[a-z0-9-]+)+/' THEN
        PERFORM nightshift.refuse_enqueued('headers', format('%L cannot be the Job-Id of %s',
            left(headers ->> 'Job-Id', 100), subject),
            'An id is not empty; those that begin with <service>/<type>/ belong to the follow-ups of other jobs.');
    END IF;
END $$
--;;
CREATE FUNCTION nightshift.check_enqueued() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    job_type text := substr(NEW.subject, 6);
    known text;
    found text;
BEGIN
    IF NEW.subject NOT LIKE 'jobs.%'
        OR NOT EXISTS (SELECT FROM nightshift.producer_types p WHERE p.type = coalesce(job_type, '')) THEN
        SELECT string_agg('jobs.' || p.type, ', ' ORDER BY p.type) INTO known FROM nightshift.producer_types p;
        PERFORM nightshift.refuse_enqueued('subject', format('no job can be enqueued as %L', left(NEW.subject, 100)),
            coalesce('The subject is one of: ' || known, 'No job type is known here: run `nightshift provision`.'));
    END IF;
    IF NEW.body IS NULL OR octet_length(NEW.body) > 4194304 THEN
        PERFORM nightshift.refuse_enqueued('body', format('the body of %s has %s bytes', NEW.subject,
            coalesce(octet_length(NEW.body)::text, 'no')),
            'It is a JSON object of at most 4194304 bytes: store what is larger, and send where it is.');
    END IF;
    BEGIN
        found := json_typeof(convert_from(NEW.body, 'UTF8')::json);
    EXCEPTION WHEN OTHERS THEN
        found := SQLERRM;
    END;
    IF found <> 'object' THEN
        PERFORM nightshift.refuse_enqueued('body', format('the body of %s is no JSON object: %s', NEW.subject, found),
            'Write bytes, or convert_to(''{"to": "..."}'', ''UTF8''); nightshift.enqueue takes JSON.');
    END IF;
    PERFORM nightshift.check_enqueued_headers(NEW.subject, NEW.headers);
    IF NEW.not_before < '1970-01-01Z' OR NEW.not_before >= '2262-01-01Z' THEN
        PERFORM nightshift.refuse_enqueued('not_before', format('%s cannot wait until %s', NEW.subject, NEW.not_before),
            'It is a time between 1970 and 2261; NULL is now.');
    END IF;
    IF NEW.headers ->> 'Job-Id' IS NULL THEN
        NEW.headers := NEW.headers || jsonb_build_object('Job-Id', nightshift.new_job_id());
    END IF;
    NEW.service := split_part(job_type, '.', 1);
    NEW.type := NULL;
    NEW.parent_id := NULL;
    NEW.tries := 0;
    NEW.retry_at := NULL;
    NEW.error := NULL;
    RETURN NEW;
END $$
--;;
CREATE TRIGGER check_enqueued BEFORE INSERT ON nightshift.outbox
FOR EACH ROW WHEN (NEW.consumer = '') EXECUTE FUNCTION nightshift.check_enqueued()
--;;
-- Tells the relay of a service, at the commit, and only while it sleeps: awake, it holds the lock of this number. NOTIFY
-- makes the commits of the whole server wait for each other. In a schema of another name it has its own channel and locks.
CREATE FUNCTION nightshift.ring_relay() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_try_advisory_xact_lock_shared(1852401512,
        hashtext(CASE TG_TABLE_SCHEMA WHEN 'nightshift' THEN '' ELSE TG_TABLE_SCHEMA || '.' END || NEW.service)) THEN
        PERFORM pg_notify(TG_TABLE_SCHEMA || '_outbox', NEW.service);
    END IF;
    RETURN NULL;
END $$
--;;
CREATE FUNCTION nightshift.enqueue(
    type text, body jsonb DEFAULT '{}', job_id text DEFAULT NULL, not_before timestamptz DEFAULT NULL,
    headers jsonb DEFAULT '{}'
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id text := coalesce(job_id, headers ->> 'Job-Id', nightshift.new_job_id());
BEGIN
    INSERT INTO nightshift.outbox (subject, body, headers, not_before) VALUES (
        'jobs.' || type, convert_to(body::text, 'UTF8'),
        coalesce(headers, '{}') || jsonb_build_object('Job-Id', id), not_before
    );
    RETURN id;
END $$
--;;
CREATE CONSTRAINT TRIGGER ring_relay AFTER INSERT ON nightshift.outbox DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.service IS NOT NULL) EXECUTE FUNCTION nightshift.ring_relay()
--;;
REVOKE EXECUTE ON FUNCTION
    nightshift.new_job_id(), nightshift.enqueue(text, jsonb, text, timestamptz, jsonb), nightshift.check_enqueued(),
    nightshift.check_enqueued_headers(text, jsonb), nightshift.refuse_enqueued(text, text, text), nightshift.ring_relay()
FROM PUBLIC
