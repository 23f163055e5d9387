-- CreateTable
CREATE TABLE "bans" (
    "id" TEXT NOT NULL,
    "environment_id" TEXT NOT NULL,
    "source" TEXT,
    "consumer_id" TEXT,
    "reason" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "lifted_at" TIMESTAMPTZ(3),
    "sequence" BIGINT NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "bans_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "bans_environment_id_sequence_idx" ON "bans"("environment_id", "sequence");

-- CreateIndex
CREATE INDEX "bans_environment_id_lifted_at_idx" ON "bans"("environment_id", "lifted_at");

-- CreateIndex
CREATE INDEX "bans_consumer_id_idx" ON "bans"("consumer_id");

-- AddForeignKey
ALTER TABLE "bans" ADD CONSTRAINT "bans_environment_id_fkey" FOREIGN KEY ("environment_id") REFERENCES "environments"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "bans" ADD CONSTRAINT "bans_consumer_id_fkey" FOREIGN KEY ("consumer_id") REFERENCES "consumers"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
