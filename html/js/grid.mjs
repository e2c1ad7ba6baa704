/*
 * How many tiles stand side by side on the wall: as few as let all of them be
 * seen at once, so that each is large; as many as fit where they cannot all
 * be seen.  Pure.
 */

const PICTURE_RATIO = 9 / 16;


/*
 * `count` tiles, each at least `least` wide and with a caption of `caption`
 * below its picture, `gap` apart, on a wall of `width` × `height`; pixels.
 */
export function gridColumns({ count, width, height, least, caption, gap }) {
    const most = Math.max(1, Math.floor((width + gap) / (least + gap)));

    for (let columns = 1; columns < most; columns++) {
        const rows = Math.ceil(count / columns);
        const tile = (width - gap * (columns - 1)) / columns;
        const row = tile * PICTURE_RATIO + caption + gap;

        if (rows * row - gap <= height) {
            return columns;
        }
    }

    return most;
}
