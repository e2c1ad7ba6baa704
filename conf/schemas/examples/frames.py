#!/usr/bin/env python3
"""Reads frames of vstream from Kafka, and says what came:

    pip install kafka-python
    python3 frames.py BROKERS [TOPIC [COUNT]]

Reads until Ctrl-C, or COUNT frames.  What is not as the schemas say is told
on standard error, and the end's status is 1.
"""

import sys

from kafka import KafkaConsumer


def fault(message, camera, headers):
    """What is wrong with a frame; None: nothing."""
    if (headers.get("ce_specversion") != "1.0"
            or headers.get("ce_type") != "vstream.frame.v1"):
        return "no frame of vstream"

    wanted = f"{camera}/{headers.get('epoch')}/{headers.get('seq')}"
    if headers.get("ce_id") != wanted:
        return "key, epoch and seq are not those of its id"

    if headers.get("content-type") != "image/jpeg":
        return "not sent as a plain JPEG"

    jpeg = message.value or b""
    if jpeg[:2] != b"\xff\xd8" or jpeg[-2:] != b"\xff\xd9":
        return "not a whole JPEG"

    return None


def show(message):
    """Whether it was a frame as it should be."""
    camera = (message.key or b"").decode(errors="replace")
    headers = {name: value.decode() for name, value in message.headers}
    why = fault(message, camera, headers)

    if why:
        print(f"partition {message.partition}, offset {message.offset}: {why}",
              file=sys.stderr, flush=True)
        return False

    print(camera, headers["seq"], f"{headers['width']}x{headers['height']}",
          len(message.value), headers["ce_time"], flush=True)
    return True


def main(brokers, topic="vstream.frames.v1", count="-1"):
    wanted, wrong = int(count), 0
    consumer = KafkaConsumer(
        topic, bootstrap_servers=brokers, group_id="vstream-example-python",
        auto_offset_reset="latest", enable_auto_commit=False)

    try:
        while wanted != 0:
            if show(next(consumer)):
                wanted -= 1
            else:
                wrong = 1
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()

    return wrong


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
