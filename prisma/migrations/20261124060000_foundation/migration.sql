-- The model of docs/glossary.md: tenants, environments, configuration, identities, releases, fleet, operators, telemetry.
-- The first part is made from schema.prisma; what that cannot say is written by hand below it.

-- CreateTable
CREATE TABLE "tenants" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tenants_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "environments" (
    "id" TEXT NOT NULL,
    "tenant_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "directory_sequence" BIGINT NOT NULL DEFAULT 0,
    "draft_revision" BIGINT NOT NULL DEFAULT 0,
    "release_number" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "environments_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "config_objects" (
    "id" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "spec" JSONB NOT NULL,
    "origin" TEXT NOT NULL DEFAULT '',
    "revision" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "config_objects_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "consumers" (
    "id" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "disabled" BOOLEAN NOT NULL DEFAULT false,
    "sequence" BIGINT NOT NULL,
    "revision" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "consumers_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "consumer_id" TEXT NOT NULL,
    "sha256" BYTEA NOT NULL,
    "last4" TEXT NOT NULL,
    "name" TEXT NOT NULL DEFAULT '',
    "scopes" TEXT[],
    "addresses" TEXT[],
    "state" TEXT NOT NULL DEFAULT 'active',
    "expires_at" TIMESTAMPTZ(3),
    "successor_id" TEXT,
    "sequence" BIGINT NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "releases" (
    "id" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "snapshot" BYTEA NOT NULL,
    "signature" BYTEA NOT NULL,
    "key_id" TEXT NOT NULL,
    "comment" TEXT NOT NULL DEFAULT '',
    "rollback_of" INTEGER,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "releases_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "agent_groups" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "region" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "agent_groups_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "agent_group_environments" (
    "group_id" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,

    CONSTRAINT "agent_group_environments_pkey" PRIMARY KEY ("group_id","environment_id")
);

-- CreateTable
CREATE TABLE "join_tokens" (
    "id" TEXT NOT NULL,
    "group_id" TEXT NOT NULL,
    "sha256" BYTEA NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "agent_id" TEXT,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "join_tokens_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "agents" (
    "id" TEXT NOT NULL,
    "group_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "version" TEXT NOT NULL DEFAULT '',
    "capability" INTEGER NOT NULL DEFAULT 0,
    "listeners" TEXT[],
    "connected" BOOLEAN NOT NULL DEFAULT false,
    "control_plane_id" TEXT,
    "seen_at" TIMESTAMPTZ(3),
    "certificate_expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "agents_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "agent_holdings" (
    "agent_id" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "release_number" INTEGER NOT NULL DEFAULT 0,
    "directory_sequence" BIGINT NOT NULL DEFAULT 0,
    "refused_number" INTEGER,
    "refused_reasons" TEXT[],
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "agent_holdings_pkey" PRIMARY KEY ("agent_id","environment_id")
);

-- CreateTable
CREATE TABLE "operators" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "kind" TEXT NOT NULL DEFAULT 'person',
    "disabled" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "operators_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "operator_roles" (
    "id" TEXT NOT NULL,
    "operator_id" TEXT NOT NULL,
    "tenant_id" TEXT,
    "role" TEXT NOT NULL,

    CONSTRAINT "operator_roles_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "operator_tokens" (
    "id" TEXT NOT NULL,
    "operator_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "sha256" BYTEA NOT NULL,
    "last4" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "operator_tokens_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sessions" (
    "id" TEXT NOT NULL,
    "operator_id" TEXT NOT NULL,
    "sha256" BYTEA NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "welcome_links" (
    "id" TEXT NOT NULL,
    "sha256" BYTEA NOT NULL,
    "operator_id" TEXT,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "welcome_links_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_entries" (
    "id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "tenant_id" TEXT,
    "environment_id" TEXT,
    "operator_id" TEXT,
    "operator_name" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target_kind" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "target_name" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,
    "request_id" TEXT NOT NULL,
    "address" TEXT NOT NULL,

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sealed_keys" (
    "id" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "public" BYTEA NOT NULL,
    "sealed" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "sealed_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "decision_records" (
    "request_id" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "agent_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "allowed" BOOLEAN NOT NULL,
    "reason" TEXT NOT NULL,
    "status" INTEGER NOT NULL,
    "method" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "path" TEXT NOT NULL,
    "route" TEXT,
    "service" TEXT,
    "consumer" TEXT,
    "release_number" INTEGER NOT NULL,
    "duration_ms" DOUBLE PRECISION NOT NULL,
    "record" JSONB NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "decision_records_pkey" PRIMARY KEY ("request_id")
);

-- CreateTable
CREATE TABLE "request_metrics" (
    "environment_id" TEXT NOT NULL,
    "agent_id" TEXT NOT NULL,
    "minute" TIMESTAMPTZ(0) NOT NULL,
    "route" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "status_class" INTEGER NOT NULL,
    "requests" BIGINT NOT NULL,
    "duration_ms_sum" DOUBLE PRECISION NOT NULL,

    CONSTRAINT "request_metrics_pkey" PRIMARY KEY ("environment_id","minute","agent_id","route","reason","status_class")
);

-- CreateIndex
CREATE UNIQUE INDEX "tenants_name_key" ON "tenants"("name");

-- CreateIndex
CREATE UNIQUE INDEX "environments_tenant_id_name_key" ON "environments"("tenant_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "config_objects_environment_id_kind_name_key" ON "config_objects"("environment_id", "kind", "name");

-- CreateIndex
CREATE INDEX "consumers_environment_id_name_idx" ON "consumers"("environment_id", "name");

-- CreateIndex
CREATE INDEX "consumers_environment_id_sequence_idx" ON "consumers"("environment_id", "sequence");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_sha256_key" ON "api_keys"("sha256");

-- CreateIndex
CREATE INDEX "api_keys_environment_id_sequence_idx" ON "api_keys"("environment_id", "sequence");

-- CreateIndex
CREATE INDEX "api_keys_consumer_id_idx" ON "api_keys"("consumer_id");

-- CreateIndex
CREATE UNIQUE INDEX "releases_environment_id_number_key" ON "releases"("environment_id", "number");

-- CreateIndex
CREATE UNIQUE INDEX "agent_groups_name_key" ON "agent_groups"("name");

-- CreateIndex
CREATE INDEX "agent_group_environments_environment_id_idx" ON "agent_group_environments"("environment_id");

-- CreateIndex
CREATE UNIQUE INDEX "join_tokens_sha256_key" ON "join_tokens"("sha256");

-- CreateIndex
CREATE UNIQUE INDEX "join_tokens_agent_id_key" ON "join_tokens"("agent_id");

-- CreateIndex
CREATE UNIQUE INDEX "agents_name_key" ON "agents"("name");

-- CreateIndex
CREATE INDEX "agents_group_id_idx" ON "agents"("group_id");

-- CreateIndex
CREATE INDEX "agent_holdings_environment_id_idx" ON "agent_holdings"("environment_id");

-- CreateIndex
CREATE UNIQUE INDEX "operators_name_key" ON "operators"("name");

-- CreateIndex
CREATE UNIQUE INDEX "operator_roles_operator_id_tenant_id_key" ON "operator_roles"("operator_id", "tenant_id");

-- CreateIndex
CREATE UNIQUE INDEX "operator_tokens_sha256_key" ON "operator_tokens"("sha256");

-- CreateIndex
CREATE INDEX "operator_tokens_operator_id_idx" ON "operator_tokens"("operator_id");

-- CreateIndex
CREATE UNIQUE INDEX "sessions_sha256_key" ON "sessions"("sha256");

-- CreateIndex
CREATE INDEX "sessions_operator_id_idx" ON "sessions"("operator_id");

-- CreateIndex
CREATE UNIQUE INDEX "welcome_links_sha256_key" ON "welcome_links"("sha256");

-- CreateIndex
CREATE INDEX "audit_entries_tenant_id_id_idx" ON "audit_entries"("tenant_id", "id");

-- CreateIndex
CREATE INDEX "audit_entries_environment_id_id_idx" ON "audit_entries"("environment_id", "id");

-- CreateIndex
CREATE INDEX "sealed_keys_purpose_idx" ON "sealed_keys"("purpose");

-- CreateIndex
CREATE INDEX "decision_records_environment_id_at_idx" ON "decision_records"("environment_id", "at" DESC);

-- AddForeignKey
ALTER TABLE "environments" ADD CONSTRAINT "environments_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "config_objects" ADD CONSTRAINT "config_objects_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environments"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "consumers" ADD CONSTRAINT "consumers_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environments"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environments"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_consumer_id_fkey" FOREIGN KEY ("consumer_id") REFERENCES "consumers"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_successor_id_fkey" FOREIGN KEY ("successor_id") REFERENCES "api_keys"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "releases" ADD CONSTRAINT "releases_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environments"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "agent_group_environments" ADD CONSTRAINT "agent_group_environments_group_id_fkey" FOREIGN KEY ("group_id") REFERENCES "agent_groups"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "agent_group_environments" ADD CONSTRAINT "agent_group_environments_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environments"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "join_tokens" ADD CONSTRAINT "join_tokens_group_id_fkey" FOREIGN KEY ("group_id") REFERENCES "agent_groups"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "agents" ADD CONSTRAINT "agents_group_id_fkey" FOREIGN KEY ("group_id") REFERENCES "agent_groups"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "agent_holdings" ADD CONSTRAINT "agent_holdings_agent_id_fkey" FOREIGN KEY ("agent_id") REFERENCES "agents"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "agent_holdings" ADD CONSTRAINT "agent_holdings_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environments"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "operator_roles" ADD CONSTRAINT "operator_roles_operator_id_fkey" FOREIGN KEY ("operator_id") REFERENCES "operators"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "operator_roles" ADD CONSTRAINT "operator_roles_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "operator_tokens" ADD CONSTRAINT "operator_tokens_operator_id_fkey" FOREIGN KEY ("operator_id") REFERENCES "operators"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_operator_id_fkey" FOREIGN KEY ("operator_id") REFERENCES "operators"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "decision_records" ADD CONSTRAINT "decision_records_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environments"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "request_metrics" ADD CONSTRAINT "request_metrics_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environments"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- ---------------------------------------------------------------------------------------------------------------
-- Written by hand from here on.
-- ---------------------------------------------------------------------------------------------------------------

-- A deleted consumer stays as a mark, and its name can be given again.
CREATE UNIQUE INDEX "consumers_name_live_key" ON "consumers" ("environment_id", "name") WHERE "deleted_at" IS NULL;

-- One role per operator on everything too: without this, rows without a tenant count as different from each other.
DROP INDEX "operator_roles_operator_id_tenant_id_key";
CREATE UNIQUE INDEX "operator_roles_operator_id_tenant_id_key" ON "operator_roles" ("operator_id", "tenant_id") NULLS NOT DISTINCT;

-- Words that code switches on. An unknown one would be read as "none of these", which is never what was meant.
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_state_check" CHECK ("state" IN ('active', 'disabled', 'revoked'));
ALTER TABLE "operators" ADD CONSTRAINT "operators_kind_check" CHECK ("kind" IN ('person', 'service'));
ALTER TABLE "operator_roles" ADD CONSTRAINT "operator_roles_role_check" CHECK ("role" IN ('owner', 'editor', 'viewer'));
ALTER TABLE "sealed_keys" ADD CONSTRAINT "sealed_keys_purpose_check" CHECK ("purpose" IN ('agent_ca', 'snapshot_signing', 'agent_link_server'));
ALTER TABLE "request_metrics" ADD CONSTRAINT "request_metrics_status_class_check" CHECK ("status_class" BETWEEN 1 AND 5);

-- Secrets are stored as a SHA-256: what is longer or shorter is something else, perhaps the secret itself.
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_sha256_check" CHECK (octet_length("sha256") = 32);
ALTER TABLE "join_tokens" ADD CONSTRAINT "join_tokens_sha256_check" CHECK (octet_length("sha256") = 32);
ALTER TABLE "operator_tokens" ADD CONSTRAINT "operator_tokens_sha256_check" CHECK (octet_length("sha256") = 32);
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_sha256_check" CHECK (octet_length("sha256") = 32);
ALTER TABLE "welcome_links" ADD CONSTRAINT "welcome_links_sha256_check" CHECK (octet_length("sha256") = 32);

-- Numbers that agents compare: they only rise, from 0 for "none yet".
ALTER TABLE "environments" ADD CONSTRAINT "environments_sequences_check"
    CHECK ("directory_sequence" >= 0 AND "draft_revision" >= 0 AND "release_number" >= 0);
ALTER TABLE "releases" ADD CONSTRAINT "releases_number_check" CHECK ("number" > 0 AND "rollback_of" < "number");

-- Guarantee: a row of these tables never changes and never goes, whatever the code does. (An owner of the database
-- can still drop the trigger; that is a deed, not a bug.)
CREATE FUNCTION "refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER "releases_append_only" BEFORE UPDATE OR DELETE ON "releases"
    FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "releases_no_truncate" BEFORE TRUNCATE ON "releases"
    FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "audit_entries_append_only" BEFORE UPDATE OR DELETE ON "audit_entries"
    FOR EACH ROW EXECUTE FUNCTION "refuse_change"();
CREATE TRIGGER "audit_entries_no_truncate" BEFORE TRUNCATE ON "audit_entries"
    FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change"();
