-- Of a name and an id, four numbers from 0 to 1, the parts 0 to 3: each 32 of the 128 bits of an MD5.
-- Variable: seed.
create macro bits(name, id, part) as cast(
    ('0x' || substr(md5(getvariable('seed') || name || id), 1 + 8 * part, 8)) as ubigint
) / 4294967296.0;
