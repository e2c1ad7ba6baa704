/*
 * Words for people: what a camera's state and reason mean, and how old a
 * picture is.  Pure; the words of state and reason are vstream_schema.h's.
 */

const REASONS = {
    auth_failed: 'The camera refuses the user name or password.',
    not_found: 'The camera answers, but has no stream at this address.',
    refused: 'Nothing answers at the camera’s address: it may be restarting.',
    timeout: 'The camera does not answer.',
    unreachable: 'There is no way through the network to the camera.',
    dns_failed: 'The camera’s host name is not known.',
    no_video: 'The camera answers, but sends no video.',
    unsupported_codec: 'The camera sends a kind of video that cannot be read.',
    protocol_error: 'What the camera sends cannot be understood.',
    stalled: 'The camera stopped sending pictures.',
    ended: 'The camera ended its stream.',
    too_large: 'The camera’s pictures are larger than allowed.',
    crashed: 'Reading this camera failed; it is started again.',
    source_denied: 'The server is not allowed to open this camera’s address.',
    bad_source: 'The camera’s address is not a valid one.',
    credential_missing: 'The server has no password for this camera.',
    claimed_twice: 'Two configurations claim this camera; the first keeps it.',
    no_replica: 'No ingest is running that could take this camera in.',
};

/* Of the states without pictures; all others are AWAY. */
const STATES = {
    connecting: { kind: 'waiting', label: 'Connecting' },
    quarantined: { kind: 'away', label: 'Stopped' },
};

const LIVE = { kind: 'live', label: 'Live', sentence: '' };
const FIRST = { kind: 'waiting', label: 'Waiting',
                sentence: 'The first picture is on its way.' };
const NEXT = { kind: 'waiting', label: 'Waiting', sentence: '' };
const LATE = { kind: 'late', label: 'Late',
               sentence: 'No new picture arrives at the moment.' };
const AWAY = { kind: 'away', label: 'Away' };
const AWAY_PICTURE_MS = 1000;


/*
 * Why a camera is not live, as a sentence: by its reason, by what the server
 * says of it where the reason is a new one, or by its state alone.
 */
export function reasonSentence(camera) {
    if (Object.hasOwn(REASONS, camera.reason)) {
        return REASONS[camera.reason];
    }

    if (camera.detail || camera.reason) {
        return camera.detail || camera.reason;
    }

    return camera.state === 'connecting' ? 'The camera is being called.'
                                         : 'Nobody knows why.';
}


/* How a camera's substream is; empty where it has none. */
export function substreamText(camera) {
    switch (camera.substream) {
    case 'streaming': return 'Live';
    case 'connecting': return 'Connecting';
    default: return Object.hasOwn(REASONS, camera.substream)
        ? REASONS[camera.substream] : camera.substream;
    }
}


/* A camera that is called again after a failure is away until it answers. */
function stateWords(camera) {
    if (camera.state === 'connecting' && camera.reason) {
        return AWAY;
    }

    return Object.hasOwn(STATES, camera.state) ? STATES[camera.state] : AWAY;
}


/* By the list alone: 'live', 'waiting' or 'away'. */
export function cameraKind(camera) {
    if (camera.state === 'streaming') {
        return camera.stale ? 'waiting' : 'live';
    }

    return stateWords(camera).kind;
}


/*
 * What to say of a picture: {kind, label, sentence}, kind being 'live',
 * 'waiting', 'late' or 'away'; the sentence is empty where the picture may
 * stand alone.  Fresh pictures are believed before the list, which is up to
 * two seconds older.
 */
export function pictureStatus(camera, picture) {
    if (camera.state === 'streaming') {
        return streamingStatus(picture);
    }

    if (picture.ageMs < AWAY_PICTURE_MS) {
        return LIVE;
    }

    return { ...stateWords(camera), sentence: reasonSentence(camera) };
}


function streamingStatus(picture) {
    if (picture.fresh) {
        return LIVE;
    }

    if (picture.late) {
        return LATE;
    }

    return Number.isNaN(picture.ageMs) ? FIRST : NEXT;
}


/* "0.1 s", "12 s", "5 min", "3 h", "2 d"; empty where there is no picture. */
export function ageText(ms) {
    if (Number.isNaN(ms)) {
        return '';
    }

    const seconds = Math.max(0, ms) / 1000;

    if (seconds < 9.95) {
        return `${seconds.toFixed(1)} s`;
    }

    if (seconds < 60) {
        return `${Math.floor(seconds)} s`;
    }

    if (seconds < 3600) {
        return `${Math.floor(seconds / 60)} min`;
    }

    return seconds < 86400 ? `${Math.floor(seconds / 3600)} h`
                           : `${Math.floor(seconds / 86400)} d`;
}


/* "7 cameras, 2 away, 1 waiting"; empty where there are none. */
export function summaryText(cameras) {
    const kinds = cameras.map(cameraKind);
    const away = kinds.filter((kind) => kind === 'away').length;
    const waiting = kinds.filter((kind) => kind === 'waiting').length;
    const words = [cameras.length === 1 ? '1 camera'
                                        : `${cameras.length} cameras`];

    if (cameras.length === 0) {
        return '';
    }

    if (away > 0) {
        words.push(`${away} away`);
    }

    if (waiting > 0) {
        words.push(`${waiting} waiting`);
    }

    return words.length > 1 ? words.join(', ') : `${words[0]}, all well`;
}
