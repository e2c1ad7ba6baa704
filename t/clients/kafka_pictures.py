#!/usr/bin/python3

"""Writes pictures to a topic of Kafka, by kafka-python, as programs that were
there before vstream do:

    kafka_pictures.py ADDRESS TOPIC FORM KEY RATE FOLDER

FOLDER has a folder for each camera, named by its id, whose files are sent in
order of their names: one of each camera, RATE times a second (0: as fast as
Kafka takes them).  FORM is jpeg, base64 or json; KEY is id or none.
"""

import base64
import json
import pathlib
import sys
import time

from kafka import KafkaProducer


def value(form, camera, number, jpeg):
    if form == "jpeg":
        return jpeg

    text = base64.b64encode(jpeg).decode("ascii")

    if form == "base64":
        return text.encode("ascii")

    return json.dumps(
        {
            "frame": text,
            "timestamp": time.strftime("%Y-%m-%d %H:%M:%S"),
            "camera_id": camera,
            "frame_number": number,
        }
    ).encode("utf-8")


def main(address, topic, form, key, rate, folder):
    producer = KafkaProducer(
        bootstrap_servers=address, acks=1, max_request_size=20_000_000
    )
    cameras = sorted(pathlib.Path(folder).iterdir())
    pictures = {c.name: sorted(c.iterdir()) for c in cameras}
    producer.partitions_for(topic)
    start = time.monotonic()

    for number in range(max(map(len, pictures.values()))):
        if float(rate) > 0:
            time.sleep(
                max(0, start + number / float(rate) - time.monotonic())
            )

        for camera, files in pictures.items():
            if number < len(files):
                producer.send(
                    topic,
                    value(form, camera, number, files[number].read_bytes()),
                    key=camera.encode() if key == "id" else None,
                )

    producer.flush()
    producer.close()


main(*sys.argv[1:])
