-- AlterTable
ALTER TABLE "api_keys" ADD COLUMN     "decoy" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "last_used_address" TEXT,
ADD COLUMN     "last_used_agent" TEXT,
ADD COLUMN     "last_used_at" TIMESTAMPTZ(3),
ADD COLUMN     "limits" JSONB NOT NULL DEFAULT '[]';

-- AlterTable
ALTER TABLE "consumers" ADD COLUMN     "roles" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- CreateTable
CREATE TABLE "credentials" (
    "id" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "consumer_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "algorithm" TEXT,
    "public_key" TEXT,
    "secret" TEXT,
    "name" TEXT NOT NULL DEFAULT '',
    "scopes" TEXT[],
    "addresses" TEXT[],
    "state" TEXT NOT NULL DEFAULT 'active',
    "expires_at" TIMESTAMPTZ(3),
    "sequence" BIGINT NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "last_used_agent" TEXT,
    "last_used_address" TEXT,

    CONSTRAINT "credentials_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "security_events" (
    "id" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "kind" TEXT NOT NULL,
    "credential_id" TEXT NOT NULL,
    "consumer" TEXT NOT NULL,
    "agent" TEXT,
    "address" TEXT NOT NULL,
    "request_id" TEXT,
    "url" TEXT,
    "action" TEXT NOT NULL DEFAULT 'alert',

    CONSTRAINT "security_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "agent_identity_keys" (
    "agent_id" TEXT NOT NULL,
    "thumbprint" TEXT NOT NULL,
    "jwk" JSONB NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "agent_identity_keys_pkey" PRIMARY KEY ("agent_id","thumbprint")
);

-- CreateIndex
CREATE INDEX "credentials_environment_id_kind_subject_idx" ON "credentials"("environment_id", "kind", "subject");

-- CreateIndex
CREATE INDEX "credentials_environment_id_sequence_idx" ON "credentials"("environment_id", "sequence");

-- CreateIndex
CREATE INDEX "credentials_consumer_id_idx" ON "credentials"("consumer_id");

-- CreateIndex
CREATE INDEX "security_events_environment_id_id_idx" ON "security_events"("environment_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "security_events_environment_id_kind_credential_id_request_i_key" ON "security_events"("environment_id", "kind", "credential_id", "request_id");

-- CreateIndex
CREATE INDEX "agent_identity_keys_expires_at_idx" ON "agent_identity_keys"("expires_at");

-- AddForeignKey
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environments"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_consumer_id_fkey" FOREIGN KEY ("consumer_id") REFERENCES "consumers"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "security_events" ADD CONSTRAINT "security_events_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environments"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "agent_identity_keys" ADD CONSTRAINT "agent_identity_keys_agent_id_fkey" FOREIGN KEY ("agent_id") REFERENCES "agents"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- ---------------------------------------------------------------------------------------------------------------
-- Written by hand from here on.
-- ---------------------------------------------------------------------------------------------------------------

-- What is presented leads to one credential; a revoked one frees its subject.
CREATE UNIQUE INDEX "credentials_subject_live_key" ON "credentials" ("environment_id", "kind", "subject") WHERE "state" <> 'revoked';

-- Words that code switches on.
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_state_check" CHECK ("state" IN ('active', 'disabled', 'revoked'));
ALTER TABLE "security_events" ADD CONSTRAINT "security_events_kind_check" CHECK ("kind" IN ('decoy_used', 'key_leaked'));
ALTER TABLE "security_events" ADD CONSTRAINT "security_events_action_check" CHECK ("action" IN ('alert', 'throttle', 'disable', 'revoke'));

-- A certificate has no key of its own here; a signing key has exactly the one of its algorithm.
ALTER TABLE "credentials" ADD CONSTRAINT "credentials_kind_check" CHECK (
    ("kind" = 'certificate' AND "algorithm" IS NULL AND "public_key" IS NULL AND "secret" IS NULL)
    OR ("kind" = 'signing_key' AND "algorithm" IS NOT DISTINCT FROM 'ed25519' AND "public_key" IS NOT NULL AND "secret" IS NULL)
    OR ("kind" = 'signing_key' AND "algorithm" IS NOT DISTINCT FROM 'hmac-sha256' AND "public_key" IS NULL AND "secret" IS NOT NULL));

-- Room in each page, so that noting a use moves no row and touches no index.
ALTER TABLE "api_keys" SET (fillfactor = 85);
ALTER TABLE "credentials" SET (fillfactor = 85);
