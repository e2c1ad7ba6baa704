/*
 * The contract's keys and scripts.  A key is written here or nowhere.
 *
 * The scripts keep all numbers as the text in which they came, wherever they
 * can: a Lua number prints 1.7e12 for a time in milliseconds.  Where one must
 * be computed it is written with %.0f, exact below 2^53.
 */

#include "vstream_schema.h"
#include "vstream_camera_id.h"

#include <string.h>


static const char *vstream_schema_suffix(vstream_key_kind_t kind);
static int         vstream_schema_channel_read(vstream_slice_t prefix,
                                               vstream_slice_t channel,
                                               const char *ending, vstream_slice_t *id);


void
vstream_schema_key_write(vstream_writer_t *w, vstream_slice_t prefix,
                         vstream_key_kind_t kind, vstream_slice_t argument)
{
    vstream_writer_slice_append(w, prefix);

    if (kind >= VSTREAM_KEY_LEASE) {
        vstream_writer_text(w, ":{");
        vstream_writer_slice_append(w, argument);
        vstream_writer_text(w, "}");
    }

    vstream_writer_text(w, vstream_schema_suffix(kind));

    if (kind == VSTREAM_KEY_SET || kind == VSTREAM_KEY_REPLICA) {
        vstream_writer_slice_append(w, argument);
    }
}


static const char *
vstream_schema_suffix(vstream_key_kind_t kind)
{
    switch (kind) {
    case VSTREAM_KEY_SCHEMA:
        return ":schema";
    case VSTREAM_KEY_CAMERAS:
        return ":{_}:cameras";
    case VSTREAM_KEY_SET:
        return ":{_}:set:";
    case VSTREAM_KEY_NEWS:
        return ":{_}:news";
    case VSTREAM_KEY_REPLICAS:
        return ":replicas";
    case VSTREAM_KEY_REPLICA:
        return ":replica:";
    case VSTREAM_KEY_LEASE:
        return ":lease";
    case VSTREAM_KEY_EPOCH:
        return ":epoch";
    case VSTREAM_KEY_FRAME:
        return ":frame";
    case VSTREAM_KEY_FRAME_SMALL:
        return ":frame:small";
    case VSTREAM_KEY_STILL:
        return ":still";
    case VSTREAM_KEY_STATUS:
        return ":status";
    case VSTREAM_KEY_CAMERA_NEWS:
        return ":news";
    }

    return "";
}


vstream_key_kind_t
vstream_schema_frame_key(vstream_rendition_t rendition)
{
    return rendition == VSTREAM_RENDITION_SMALL ? VSTREAM_KEY_FRAME_SMALL
                                                : VSTREAM_KEY_FRAME;
}


/* `ending` follows the id. */
static int
vstream_schema_channel_read(vstream_slice_t prefix, vstream_slice_t channel,
                            const char *ending, vstream_slice_t *id)
{
    static const char opening[] = ":{";

    const size_t    before = prefix.length + sizeof(opening) - 1;
    const size_t    after = strlen(ending);
    vstream_slice_t inner;

    if (channel.length <= before + after || prefix.length == 0) {
        return VSTREAM_ERROR;
    }

    inner.data = channel.data + before;
    inner.length = channel.length - before - after;

    if (memcmp(channel.data, prefix.data, prefix.length) != 0
        || memcmp(channel.data + prefix.length, opening, sizeof(opening) - 1)
               != 0
        || memcmp(inner.data + inner.length, ending, after) != 0
        || vstream_camera_id_check(inner) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    *id = inner;

    return VSTREAM_OK;
}


int
vstream_schema_frame_channel_read(vstream_slice_t prefix,
                                  vstream_slice_t channel, vstream_slice_t *id,
                                  vstream_rendition_t *rendition)
{
    static const char *const endings[VSTREAM_RENDITIONS] = {
        "}:frame",
        "}:frame:small",
    };

    int i;

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        if (vstream_schema_channel_read(prefix, channel, endings[i], id)
            == VSTREAM_OK) {
            *rendition = (vstream_rendition_t) i;
            return VSTREAM_OK;
        }
    }

    return VSTREAM_ERROR;
}


const char *
vstream_schema_rendition_text(vstream_rendition_t rendition)
{
    return rendition == VSTREAM_RENDITION_SMALL ? "small" : "main";
}


int
vstream_schema_rendition_read(vstream_slice_t      text,
                              vstream_rendition_t *rendition)
{
    const char *name;
    int         i;

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        name = vstream_schema_rendition_text((vstream_rendition_t) i);

        if (text.length == strlen(name)
            && memcmp(text.data, name, text.length) == 0) {
            *rendition = (vstream_rendition_t) i;
            return VSTREAM_OK;
        }
    }

    return VSTREAM_ERROR;
}


/* An epoch that is no number counts as none. */
const char vstream_script_take[] =
    "#!lua flags=allow-oom\n"
    "if redis.call('EXISTS', KEYS[1]) == 1 then\n"
    "    return false\n"
    "end\n"
    "local time = redis.call('TIME')\n"
    "local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)\n"
    "local stored = tonumber(redis.call('GET', KEYS[2]) or 0) or 0\n"
    "local seen = tonumber(ARGV[3]) or 0\n"
    "local epoch = math.max(stored + 1, now_ms, seen + 1)\n"
    "local text = string.format('%.0f', epoch)\n"
    "redis.call('SET', KEYS[2], text)\n"
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
    "return text\n";


/* The status is replaced whole: no field of a former owner stays behind. */
const char vstream_script_renew[] =
    "#!lua flags=allow-oom\n"
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then\n"
    "    return 0\n"
    "end\n"
    "redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
    "if #ARGV > 4 then\n"
    "    redis.call('DEL', KEYS[2])\n"
    "    redis.call('HSET', KEYS[2], unpack(ARGV, 4))\n"
    "end\n"
    "redis.call('PEXPIRE', KEYS[2], ARGV[3])\n"
    "return 1\n";


const char vstream_script_give_back[] =
    "#!lua flags=allow-oom\n"
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then\n"
    "    return 0\n"
    "end\n"
    "redis.call('DEL', KEYS[1], KEYS[2])\n"
    "return 1\n";


/*
 * Cameras that are gone are looked for only when the set record changes or is
 * missing; then by their origin in the hash, so that nothing stays behind
 * where the former record was lost.
 */
const char vstream_script_declare[] =
    "#!lua flags=allow-oom\n"
    "local cameras, set = KEYS[1], KEYS[2]\n"
    "local origin, generation, ids, news = ARGV[1], ARGV[2], ARGV[3], ARGV[4]\n"
    "\n"
    "local function field(json, name)\n"
    "    local ok, object = pcall(cjson.decode, json)\n"
    "    return ok and type(object) == 'table' and object[name] or nil\n"
    "end\n"
    "\n"
    "local record = '{\"generation\":' .. generation\n"
    "    .. ',\"cameras\":' .. ids .. '}'\n"
    "local stored = redis.call('GET', set)\n"
    "if stored and stored ~= record then\n"
    "    local newest = tonumber(field(stored, 'generation'))\n"
    "    if newest and newest > tonumber(generation) then\n"
    "        return { -1 }\n"
    "    end\n"
    "end\n"
    "\n"
    "local changes, result, declared = 0, { 0 }, {}\n"
    "local function change(id)\n"
    "    changes = changes + 1\n"
    "    redis.call('SPUBLISH', news, id)\n"
    "end\n"
    "\n"
    "for i = 5, #ARGV - 1, 2 do\n"
    "    local id, json = ARGV[i], ARGV[i + 1]\n"
    "    local current = redis.call('HGET', cameras, id)\n"
    "    local owner = current and field(current, 'origin')\n"
    "    declared[id] = true\n"
    "    if owner and owner ~= origin then\n"
    "        result[#result + 1] = id\n"
    "    elseif current ~= json then\n"
    "        redis.call('HSET', cameras, id, json)\n"
    "        change(id)\n"
    "    end\n"
    "end\n"
    "\n"
    "if stored ~= record then\n"
    "    local all = redis.call('HGETALL', cameras)\n"
    "    for i = 1, #all, 2 do\n"
    "        local id, json = all[i], all[i + 1]\n"
    "        if not declared[id] and field(json, 'origin') == origin then\n"
    "            redis.call('HDEL', cameras, id)\n"
    "            change(id)\n"
    "        end\n"
    "    end\n"
    "    redis.call('SET', set, record)\n"
    "end\n"
    "\n"
    "result[1] = changes\n"
    "return result\n";
