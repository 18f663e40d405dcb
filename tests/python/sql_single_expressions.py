"""Expressions of SQL over `sql_table`, one by one, a line each."""

# What the families of `sql_expressions` have not.
SINGLE = r"""
b
NOT b
b AND NULL
b OR NULL
b AND (i32 > 3) OR s = 'abc'
NOT (b AND NULL) OR b
b IS TRUE
b IS NOT TRUE
b IS FALSE
b IS NOT FALSE
b IS NULL
b IS NOT NULL
b = true
b <> false
b < true
b IN (true, NULL)
b IS DISTINCT FROM NULL
NULL IS NULL
s = 'abc'
s == 'abc'
'abc' = s
s = "abc"
s <> ''
s < 'b'
s >= ls
ls = 'abc'
s = NULL
s IN ('abc', 'żółć x')
s NOT IN ('abc')
s IN ('abc', NULL)
ls IN ('abc', 'ABC')
s IN ('abc', ls)
s BETWEEN 'a' AND 'b'
s NOT BETWEEN 'a' AND 'b'
s LIKE s
s LIKE ls
s LIKE NULL
s LIKE '%' || 'b' || '%'
i32 LIKE '1%'
s || 'x'
s || NULL
s || ls
(s || i32) || ''
(s || f64) || ''
(s || b) || d32
bin || bin
bin = x'616263'
bin < x'7a'
bin IN (x'616263', x'')
fsb = x'616263'
NOT (bin = 'abc')
word = 'x'
word IN ('x', 'z')
word || s
concat(word, s)
starts_with(word, 'x')
f64 = cast('nan' AS double)
f64 IN (cast('nan' AS double), 0.0)
f64 IN (0.0, 2.5)
f32 IN (0.1, 5.5)
NOT (f32 IN (0.1, 5.5))
f64 BETWEEN 0 AND cast('nan' AS double)
f64 IS DISTINCT FROM f64
f64 / 0
f64 % 0
f32 = 1 + 0.5
f32 = 2.75 * 2
i32 = 1 + 4
u8 = 1 + 4
i32 IN (1 + 0, 5)
i32 IN (i8, 5)
i32 IN (1, i64)
i32 IN (NULL)
i32 = -(-1)
i32 = CAST(1 AS bigint)
i32 + CAST(1 AS tinyint)
f32 = CAST(5.5 AS double)
f32 = CAST(0.1 AS double)
NOT (i32 = '1')
NOT (i32 = number)
i32 = number
f64 < number
dec = number
NOT (dec > 1.05)
NOT (dec = '1.25')
dec = decimal(10,2) '1.25'
dec BETWEEN 1 AND 20
dec IN (1, 2)
dec + dec * dec
dec / 3
dec % 7
dec * 1000000
dec + f64
abs(dec)
round(dec)
round(dec, 1)
round(f64, 1)
round(f64, -1)
round(f32, 2)
round(i64, -2)
trunc(f64, 1)
trunc(f64, -1)
round(2.5) + f64
round(-2.5) + f64
abs(i8)
abs(i64)
abs(u64)
power(f64, 2)
pow(i32, 2)
power(f64, 0.5)
log(2, f64)
log(f64, 2)
log(3, i32)
atan2(f64, 1)
nanvl(f64, 1)
nanvl(f32, f64)
gcd(i32, 4)
lcm(i8, 4)
gcd(i64, i64)
pi() + f64
i64 << 3
i64 >> 1
u8 >> 1
u8 - 10
u8 - u8 - u8
(u64 + 1) - 2
7 / 2 + i32
-7 / 2 + i32
7 % -3 + i32
-7 % 3 + i32
i64 / -1
i64 % -1
i32 / 0
i32 % 0
row + 1 * 2
(row + 1) * 2
row - -2
10 - row - 2
100 / (row + 1) / 2
row % 4 * 2
row > 2 = b
row > 2 AND row < 5 OR row = 1
NOT row > 2
NOT b = true
row BETWEEN 2 AND 4 = b
NOT row IS NULL
NOT row IN (1, 2)
s = 'abc' IS TRUE
mixed
MIXED + 1
`Mixed` + 1
`with space` + 1
st.a
st.a + 1
st['a'] = 1
st.`b` || '!'
st.in.deep
st.a IN (1, 3)
st.b = 'x'
st IS NULL
st.in IS NULL
get_field(st, 'a') + 1
st = st
l = [1, 2]
l = l
l IS NULL
l[1]
l[-1]
l[0]
l[10]
l[row]
l[1] IN (1, 2)
fsl[2] + 1
words[1] || 'x'
array_has(l, 3)
array_has(l, NULL)
array_has(l, i32)
array_has(l, 1.5)
array_has(fsl, 3)
array_has(words, 'abc')
array_has(words, "abc")
array_has(words, s)
array_contains(l, 3)
list_contains(l, 3)
list_has(l, 3)
array_has_any(l, [1, 3])
array_has_any(l, make_array(1, 3))
array_has_any(l, l64)
array_has_any(words, ['abc', 'żółć x'])
array_has_all(l, [1, 2])
array_has_all(l, l64)
list_has_all(words, ['abc'])
arrays_overlap(l, [1])
array_has_any(l, [NULL])
array_has_all(l, [NULL])
array_length(l)
array_length(fsl)
array_length(words, 1)
list_length(l)
cardinality(l)
empty(l)
array_empty(words)
array_element(l, 1)
array_element(l, row)
list_extract(l, 2)
array_position(l, 3)
array_position(words, 'abc')
array_to_string(l, ',')
array_to_string(words, '-', 'N')
make_array(i32, 1)
make_array(i32, f64)
coalesce(i32, 3)
coalesce(i32, 3.5)
coalesce(i32, i64)
coalesce(i32, u64)
coalesce(s, 'none')
coalesce(s, ls)
coalesce(NULL, i32)
coalesce(ts, timestamp '2000-01-01 00:00:00')
nullif(i32, 1)
nullif(s, 'abc')
nullif(f64, 1)
nullif(b, true)
nvl(i32, 3)
ifnull(i32, 3)
nvl2(i32, 1, 2)
greatest(i32, 3)
least(i32, 3)
greatest(f64, 1.0)
least(f64, 1)
greatest(s, 'b')
greatest(i32, NULL)
greatest(d32, date '2000-01-01')
is_valid(s)
arrow_cast(i32, 'Int64')
arrow_cast(i32, 'Float16')
arrow_cast(d32, 'Date64')
arrow_cast(s, 'LargeUtf8')
arrow_cast(ts, 'Timestamp(Second, None)')
arrow_cast(i64, 'Duration(Second)')
arrow_cast(i32, 'foo')
arrow_typeof(i32)
arrow_typeof(l)
arrow_typeof(dec)
arrow_typeof(dur)
concat(s, 'x')
concat(s, 1)
concat(s, NULL)
concat(i32, f64, b, d32)
concat_ws(',', s, number)
concat_ws(NULL, s, number)
concat()
starts_with(s, 'a')
ends_with(s, 'c')
contains(s, 'b')
contains(s, ls)
contains(s, i32)
strpos(s, 'b')
strpos(s, 'ł')
strpos(s, '')
strpos(ls, 'b')
instr(s, 'b')
replace(s, 'b', 'XX')
replace(s, '', 'X')
lpad(s, 5, '*')
lpad(s, 5)
lpad(s, 2, 'ż')
lpad(s, -1, 'x')
lpad(s, 5, '')
rpad(s, 7, 'xy')
repeat(s, 2)
repeat(s, -1)
left(s, 2)
left(s, -1)
right(s, 2)
right(s, -1)
split_part(s, ',', 1)
split_part(s, ',', -1)
split_part(s, ',', 3)
split_part(s, '', 1)
split_part(s, ',', 0)
substr_index(s, ',', 1)
substr_index(s, ',', -2)
find_in_set(s, 'abc,ABC')
levenshtein(s, 'abd')
translate(s, 'ab', 'xy')
translate(s, 'abc', 'x')
to_hex(i32)
to_hex(u8)
chr(u8 + 130)
initcap('hello wORLD_foo bar-baz 1st ' || s)
btrim(s, 'a')
ltrim(s, 'ba')
rtrim(s, 'cx')
length(i32)
regexp_like(s, 'a.c')
regexp_like(s, 'A.C', 'i')
regexp_like(s, '\w+')
regexp_like(s, '^ż')
regexp_like(s, NULL)
regexp_like(s, '(')
regexp_like(s, 'a', 'g')
regexp_match(s, 'a.c')
regexp_match(s, '(a)(.)')
regexp_match(s, '(?i)ABC')
regexp_replace(s, 'b', 'X')
regexp_replace(s, 'B', 'X', 'gi')
regexp_replace(s, '(a)(.)', '$2$1')
regexp_replace(s, '(a)(.)', '${2}x')
regexp_replace(s, '[a-b]', '', 'g')
regexp_count(s, 'b')
d32 = date '2024-02-29'
d32 > date '2000-01-01'
date '2024-02-29' = d32
d32 IN (date '2024-02-29', date '2024-01-01')
d32 BETWEEN date '1990-01-01' AND date '2025-01-01'
d64 > date '2000-01-01'
ts > timestamp '2000-01-01 00:00:00'
ts > date '2000-01-01'
ts IN (timestamp '1970-01-01 00:00:00')
tsz > timestamp '2000-01-01 00:00:00'
tss > timestamp '2000-01-01 00:00:00'
tsn > timestamp '2000-01-01 00:00:00'
timestamp(3) '2024-01-01 00:00:00' < ts
NOT (d32 = '2024-02-29')
NOT (ts > '2000-01-01T00:00:00')
NOT (t64 > '12:00:00')
NOT (d32 > 5)
d32 - date '2024-01-01'
ts - date '2024-01-01'
ts + dur
ts - dur
dur + dur
dur > dur
t64 = t64
t64 = t32
d32 + 1
d32 + dur
date_part('hour', t64)
date_part('nanosecond', t64)
date_part('epoch', t32)
date_part('day', t64)
date_part('xxx', d32)
date_part(s, d32)
date_trunc('hour', t64)
date_trunc('decade', ts)
date_trunc('day', '2024-01-05 10:00:00') - ts
to_timestamp(i32)
to_timestamp(f32)
to_timestamp(ts)
to_timestamp_seconds(i32)
to_timestamp_millis(i32)
to_timestamp_micros(i32)
to_timestamp_nanos(i64)
to_timestamp_seconds(ts)
to_timestamp('2024-02-30') > ts
to_date('20240229') > d32
to_date(ts)
to_unixtime(ts)
to_unixtime(d32)
from_unixtime(i32)
make_date(2024, 2, u8)
make_date(i16, 1, 1)
d32 < current_date
tsn < now()
date '2024-02-30' = d32
1 = 1 = 1
i32 AND b
b + b
i32 = b
s = st
-s
-u8
st[0]
st.nothing
st.a.b
nothing
`mixed`
nothing(1)
lower(i32)
abs(s)
sqrt(s)
array_length(i32)
array_has(l, 'x')
i32 IN ()
i32 =
i32 = = 1
(b
b AND
1 < 2 < 3
i32 ^ 1
i32 & 1
i32 <=> 1
s ~ 'a'
+i32
i32 = +1
f64 IS nan
s SIMILAR TO 'a'
time '10:00:00'
CAST(i32 AS decimal)
CAST(i32 AS nothing)
zero = 0
zero = -0.0
zero > 0
zero >= 0
zero < 0
zero <= -0.0
zero IN (0, 1)
zero IN (-0.0)
zero BETWEEN -0.0 AND 0
zero IS DISTINCT FROM 0
""".strip().splitlines()

# Not understood in pylance's filters, but in its `sql`, which asks the same engine.
SQL_ONLY = r"""
CASE WHEN i32 > 3 THEN 'p' WHEN i32 < 3 THEN 'n' END
CASE i32 WHEN 1 THEN 'one' WHEN NULL THEN 'nn' ELSE 'o' END
CASE WHEN b THEN 1 ELSE 1.5 END
CASE WHEN b THEN 1 ELSE 'x' END
CASE WHEN b THEN i8 END
CASE WHEN b THEN i32 ELSE f64 END
CASE WHEN i32 > 3 THEN 10 / (i32 - 3) ELSE 0 END
CASE s WHEN 'abc' THEN f32 WHEN ls THEN 2 END
CASE WHEN s LIKE 'a%' THEN d32 ELSE date '2000-01-01' END
substr(s, 2)
substr(s, 2, 1)
substr(s, 0, 2)
substr(s, -1, 3)
substr(s, 2, 100)
substr(ls, 3)
substr(s, row, 2)
substring(s, 2, 1)
substring(s FROM 2 FOR 1)
substring(s FROM 2)
trim(s)
trim(BOTH 'a' FROM s)
trim(LEADING 'a' FROM s)
trim(TRAILING 'c' FROM s)
floor(f64)
floor(f32)
floor(dec)
ceil(f64)
ceil(dec)
extract(year FROM d32)
extract(hour FROM ts)
extract(epoch FROM ts)
extract(dow FROM tsz)
position('b' IN s)
b IS UNKNOWN
b IS NOT UNKNOWN
""".strip().splitlines()

FILTERS = r"""
b
NOT b
true
false
1 = 1
i32 = 3
i32 IS NULL
i32 > 3 AND b OR s = 'abc'
NOT (i32 > 3)
NOT i32 = 3
i32 BETWEEN 2 AND 5 AND b
s LIKE 'a%'
s NOT LIKE 'a%'
s IS NOT NULL
f64 > 2.5
f64 != f64
f32 = 0.25
regexp_match(s, 'a')
regexp_match(s, 'a') AND b
regexp_match(s, 'a') IS NULL
NOT regexp_match(s, 'a')
regexp_like(s, '^[A-Z]')
st.a > 1
st.a IS NULL
ST.a = 1
l[1] = 1
array_has(words, 'abc')
array_has_any(l, [1, 3])
_rowid = 1
_rowid IN (1, 2, 7)
_rowid > 2
coalesce(b, true)
is_valid(i32)
d32 >= date '2000-01-01'
ts < timestamp '2024-01-01 00:00:00'
CAST(i32 AS string) = '3'
i32::string = '3'
try_cast(s AS double) > 0
date_part('year', d32) = 2024
tsn < now()
i32 IS NOT DISTINCT FROM 3
b -- a comment
b /* another */ AND true
i32
s
i32 + 1
""".strip().splitlines()
