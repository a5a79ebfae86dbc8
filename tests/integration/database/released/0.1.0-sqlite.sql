BEGIN TRANSACTION;
CREATE TABLE activity_logs (
	id TEXT NOT NULL, 
	user_id TEXT, 
	action TEXT NOT NULL, 
	details JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_activity_logs PRIMARY KEY (id), 
	CONSTRAINT fk_activity_logs_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE SET NULL
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE cleanup_runs (
	id TEXT NOT NULL, 
	job_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	deleted JSON NOT NULL, 
	kept JSON NOT NULL, 
	done BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_cleanup_runs PRIMARY KEY (id)
);
CREATE TABLE email_deliveries (
	id TEXT NOT NULL, 
	job_id TEXT NOT NULL, 
	recipients JSON NOT NULL, 
	subject TEXT NOT NULL, 
	transport TEXT NOT NULL, 
	provider_id TEXT, 
	message_id TEXT NOT NULL, 
	sent_at DATETIME NOT NULL, 
	CONSTRAINT pk_email_deliveries PRIMARY KEY (id), 
	CONSTRAINT ck_email_deliveries_transport CHECK (transport IN ('smtp', 'resend'))
);
CREATE TABLE external_records (
	account_id TEXT NOT NULL, 
	external_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	data JSON NOT NULL, 
	generation INTEGER DEFAULT '0' NOT NULL, 
	seen_at DATETIME NOT NULL, 
	removed_at DATETIME, 
	CONSTRAINT pk_external_records PRIMARY KEY (account_id, external_id), 
	CONSTRAINT fk_external_records_account_id_linked_accounts FOREIGN KEY(account_id) REFERENCES linked_accounts (id) ON DELETE CASCADE
);
CREATE TABLE files (
	id TEXT NOT NULL, 
	user_id TEXT, 
	object_key TEXT NOT NULL, 
	original_name TEXT NOT NULL, 
	size BIGINT, 
	content_type TEXT, 
	checksum TEXT, 
	status TEXT DEFAULT 'pending' NOT NULL, 
	processed BOOLEAN DEFAULT 0 NOT NULL, 
	metadata JSON, 
	thumbnail_key TEXT, 
	error TEXT, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME, 
	CONSTRAINT pk_files PRIMARY KEY (id), 
	CONSTRAINT fk_files_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE SET NULL, 
	CONSTRAINT ck_files_status CHECK (status IN ('pending', 'uploaded', 'processed', 'failed')), 
	CONSTRAINT ck_files_size CHECK (size >= 0), 
	CONSTRAINT uq_files_object_key UNIQUE (object_key)
);
CREATE TABLE linked_accounts (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	service TEXT NOT NULL, 
	external_account TEXT NOT NULL, 
	base_url TEXT, 
	credentials TEXT, 
	checkpoint JSON NOT NULL, 
	generation INTEGER DEFAULT '0' NOT NULL, 
	status TEXT DEFAULT 'active' NOT NULL, 
	error TEXT, 
	last_synced_at DATETIME, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME, 
	CONSTRAINT pk_linked_accounts PRIMARY KEY (id), 
	CONSTRAINT fk_linked_accounts_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT ck_linked_accounts_status CHECK (status IN ('active', 'revoked', 'disabled')), 
	CONSTRAINT uq_linked_accounts_user_id_service UNIQUE (user_id, service)
);
CREATE TABLE outbox (
	id TEXT NOT NULL, 
	consumer TEXT NOT NULL, 
	type TEXT, 
	parent_id TEXT, 
	subject TEXT NOT NULL, 
	body BLOB NOT NULL, 
	headers JSON NOT NULL, 
	not_before DATETIME, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_outbox PRIMARY KEY (id)
);
CREATE TABLE processed_messages (
	consumer TEXT NOT NULL, 
	type TEXT NOT NULL, 
	id TEXT NOT NULL, 
	processed_at DATETIME NOT NULL, 
	CONSTRAINT pk_processed_messages PRIMARY KEY (consumer, type, id)
);
CREATE TABLE reports (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	requested_by TEXT, 
	requester_email TEXT, 
	parameters JSON NOT NULL, 
	status TEXT DEFAULT 'pending' NOT NULL, 
	error TEXT, 
	html_key TEXT, 
	csv_key TEXT, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_reports PRIMARY KEY (id), 
	CONSTRAINT fk_reports_requested_by_users FOREIGN KEY(requested_by) REFERENCES users (id) ON DELETE SET NULL, 
	CONSTRAINT ck_reports_status CHECK (status IN ('pending', 'running', 'done', 'failed'))
);
CREATE TABLE sessions (
	id TEXT NOT NULL, 
	user_id TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (id), 
	CONSTRAINT fk_sessions_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE TABLE users (
	id TEXT NOT NULL, 
	email TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_email UNIQUE (email)
);
CREATE INDEX ix_processed_messages_processed_at ON processed_messages (processed_at);
CREATE INDEX ix_outbox_consumer_type_parent_id ON outbox (consumer, type, parent_id);
CREATE INDEX ix_outbox_created_at ON outbox (created_at);
CREATE INDEX ix_users_created_at ON users (created_at);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_sessions_expires_at_id ON sessions (expires_at, id);
CREATE INDEX ix_activity_logs_created_at_id ON activity_logs (created_at, id);
CREATE INDEX ix_activity_logs_user_id_created_at ON activity_logs (user_id, created_at);
CREATE INDEX ix_files_thumbnail_key ON files (thumbnail_key);
CREATE INDEX ix_files_user_id_id ON files (user_id, id);
CREATE INDEX ix_files_status_created_at_id ON files (status, created_at, id);
CREATE INDEX ix_files_created_at ON files (created_at);
CREATE INDEX ix_linked_accounts_status_id ON linked_accounts (status, id);
CREATE INDEX ix_external_records_account_id_generation ON external_records (account_id, generation);
CREATE INDEX ix_reports_requested_by ON reports (requested_by);
CREATE INDEX ix_reports_created_at_id ON reports (created_at, id);
CREATE INDEX ix_email_deliveries_job_id ON email_deliveries (job_id);
CREATE INDEX ix_email_deliveries_message_id ON email_deliveries (message_id);
CREATE INDEX ix_email_deliveries_sent_at ON email_deliveries (sent_at);
CREATE INDEX ix_cleanup_runs_job_id ON cleanup_runs (job_id);
CREATE INDEX ix_cleanup_runs_kind_started_at ON cleanup_runs (kind, started_at);
COMMIT;
