CREATE TABLE public.activity_logs (
    id text NOT NULL,
    user_id text,
    action text NOT NULL,
    details jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.cleanup_runs (
    id text NOT NULL,
    job_id text NOT NULL,
    kind text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    deleted jsonb NOT NULL,
    kept jsonb NOT NULL,
    done boolean DEFAULT false NOT NULL
);
CREATE TABLE public.email_deliveries (
    id text NOT NULL,
    job_id text NOT NULL,
    recipients jsonb NOT NULL,
    subject text NOT NULL,
    transport text NOT NULL,
    provider_id text,
    message_id text NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_email_deliveries_transport CHECK ((transport = ANY (ARRAY['smtp'::text, 'resend'::text])))
);
CREATE TABLE public.external_records (
    account_id text NOT NULL,
    external_id text NOT NULL,
    kind text NOT NULL,
    data jsonb NOT NULL,
    generation integer DEFAULT 0 NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    removed_at timestamp with time zone
);
CREATE TABLE public.files (
    id text NOT NULL,
    user_id text,
    object_key text NOT NULL,
    original_name text NOT NULL,
    size bigint,
    content_type text,
    checksum text,
    status text DEFAULT 'pending'::text NOT NULL,
    processed boolean DEFAULT false NOT NULL,
    metadata jsonb,
    thumbnail_key text,
    error text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone,
    CONSTRAINT ck_files_size CHECK ((size >= 0)),
    CONSTRAINT ck_files_status CHECK ((status = ANY (ARRAY['pending'::text, 'uploaded'::text, 'processed'::text, 'failed'::text])))
);
CREATE TABLE public.linked_accounts (
    id text NOT NULL,
    user_id text NOT NULL,
    service text NOT NULL,
    external_account text NOT NULL,
    base_url text,
    credentials text,
    checkpoint jsonb NOT NULL,
    generation integer DEFAULT 0 NOT NULL,
    status text DEFAULT 'active'::text NOT NULL,
    error text,
    last_synced_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone,
    CONSTRAINT ck_linked_accounts_status CHECK ((status = ANY (ARRAY['active'::text, 'revoked'::text, 'disabled'::text])))
);
CREATE TABLE public.outbox (
    id text NOT NULL,
    consumer text NOT NULL,
    type text,
    parent_id text,
    subject text NOT NULL,
    body bytea NOT NULL,
    headers jsonb NOT NULL,
    not_before timestamp with time zone,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.processed_messages (
    consumer text NOT NULL,
    type text NOT NULL,
    id text NOT NULL,
    processed_at timestamp with time zone NOT NULL
);
CREATE TABLE public.reports (
    id text NOT NULL,
    kind text NOT NULL,
    requested_by text,
    requester_email text,
    parameters jsonb NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    error text,
    html_key text,
    csv_key text,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT ck_reports_status CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'done'::text, 'failed'::text])))
);
CREATE TABLE public.sessions (
    id text NOT NULL,
    user_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE public.users (
    id text NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL
);
INSERT INTO public.alembic_version VALUES ('0001');
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.activity_logs
    ADD CONSTRAINT pk_activity_logs PRIMARY KEY (id);
ALTER TABLE ONLY public.cleanup_runs
    ADD CONSTRAINT pk_cleanup_runs PRIMARY KEY (id);
ALTER TABLE ONLY public.email_deliveries
    ADD CONSTRAINT pk_email_deliveries PRIMARY KEY (id);
ALTER TABLE ONLY public.external_records
    ADD CONSTRAINT pk_external_records PRIMARY KEY (account_id, external_id);
ALTER TABLE ONLY public.files
    ADD CONSTRAINT pk_files PRIMARY KEY (id);
ALTER TABLE ONLY public.linked_accounts
    ADD CONSTRAINT pk_linked_accounts PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);
ALTER TABLE ONLY public.processed_messages
    ADD CONSTRAINT pk_processed_messages PRIMARY KEY (consumer, type, id);
ALTER TABLE ONLY public.reports
    ADD CONSTRAINT pk_reports PRIMARY KEY (id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT pk_sessions PRIMARY KEY (id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT pk_users PRIMARY KEY (id);
ALTER TABLE ONLY public.files
    ADD CONSTRAINT uq_files_object_key UNIQUE (object_key);
ALTER TABLE ONLY public.linked_accounts
    ADD CONSTRAINT uq_linked_accounts_user_id_service UNIQUE (user_id, service);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT uq_users_email UNIQUE (email);
CREATE INDEX ix_activity_logs_created_at_id ON public.activity_logs USING btree (created_at, id);
CREATE INDEX ix_activity_logs_user_id_created_at ON public.activity_logs USING btree (user_id, created_at);
CREATE INDEX ix_cleanup_runs_job_id ON public.cleanup_runs USING btree (job_id);
CREATE INDEX ix_cleanup_runs_kind_started_at ON public.cleanup_runs USING btree (kind, started_at);
CREATE INDEX ix_email_deliveries_job_id ON public.email_deliveries USING btree (job_id);
CREATE INDEX ix_email_deliveries_message_id ON public.email_deliveries USING btree (message_id);
CREATE INDEX ix_email_deliveries_sent_at ON public.email_deliveries USING btree (sent_at);
CREATE INDEX ix_external_records_account_id_generation ON public.external_records USING btree (account_id, generation);
CREATE INDEX ix_files_created_at ON public.files USING btree (created_at);
CREATE INDEX ix_files_status_created_at_id ON public.files USING btree (status, created_at, id);
CREATE INDEX ix_files_thumbnail_key ON public.files USING btree (thumbnail_key);
CREATE INDEX ix_files_user_id_id ON public.files USING btree (user_id, id);
CREATE INDEX ix_linked_accounts_status_id ON public.linked_accounts USING btree (status, id);
CREATE INDEX ix_outbox_consumer_type_parent_id ON public.outbox USING btree (consumer, type, parent_id);
CREATE INDEX ix_outbox_created_at ON public.outbox USING btree (created_at);
CREATE INDEX ix_processed_messages_processed_at ON public.processed_messages USING btree (processed_at);
CREATE INDEX ix_reports_created_at_id ON public.reports USING btree (created_at, id);
CREATE INDEX ix_reports_requested_by ON public.reports USING btree (requested_by);
CREATE INDEX ix_sessions_expires_at_id ON public.sessions USING btree (expires_at, id);
CREATE INDEX ix_sessions_user_id ON public.sessions USING btree (user_id);
CREATE INDEX ix_users_created_at ON public.users USING btree (created_at);
ALTER TABLE ONLY public.activity_logs
    ADD CONSTRAINT fk_activity_logs_user_id_users FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.external_records
    ADD CONSTRAINT fk_external_records_account_id_linked_accounts FOREIGN KEY (account_id) REFERENCES public.linked_accounts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.files
    ADD CONSTRAINT fk_files_user_id_users FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.linked_accounts
    ADD CONSTRAINT fk_linked_accounts_user_id_users FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.reports
    ADD CONSTRAINT fk_reports_requested_by_users FOREIGN KEY (requested_by) REFERENCES public.users(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT fk_sessions_user_id_users FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
