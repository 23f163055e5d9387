-- AlterTable
ALTER TABLE "environments" ADD COLUMN     "stage" TEXT NOT NULL DEFAULT 'production';

-- Environments that are there already are for what their names say, by the words that new ones are read by.
UPDATE "environments" SET "stage" = CASE
  WHEN string_to_array("name", '-') && ARRAY['stage', 'staging', 'pre', 'preprod', 'preproduction', 'preview', 'qa', 'uat', 'acceptance'] THEN 'staging'
  WHEN string_to_array("name", '-') && ARRAY['dev', 'development', 'local', 'test', 'testing', 'ci', 'sandbox', 'demo'] THEN 'development'
  ELSE 'production'
END;
