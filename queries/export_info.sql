-- What nsys says about the export: its product, its version, the version of the schema.
--
-- One row is: one entry.
--
-- Needs: META_DATA_EXPORT(name, value)
--
-- Columns:
--   name   text  such as EXPORT_SCHEMA_VERSION
--   value  text  its value
SELECT name AS name, value AS value
FROM META_DATA_EXPORT
ORDER BY name;
