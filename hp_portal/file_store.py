"""An S3-compatible store for the contents of files: objects of sealed bytes, which only the database's keys open."""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from hp_portal.settings import ConfigurationError, Settings

CONNECT, ANSWER, TRIES = 3, 10, 2
"""Seconds until the store has taken the connection, seconds until it answers, and how often it is asked."""


class StoreAway(Exception):
    """The store of files does not answer, or does not do as it is asked: to be tried again later."""


class ObjectMissing(Exception):
    """The store has no such object."""


class FileStore:
    """The objects of one bucket whose names begin with the portal's prefix."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bucket, self._prefix = settings.files_bucket, settings.files_prefix

    @cached_property
    def _client(self) -> Any:
        """Made when it is first needed: it takes a moment. Raises ConfigurationError."""
        try:
            boto3, config = importlib.import_module("boto3"), importlib.import_module("botocore.config")
        except ImportError as error:
            raise ConfigurationError("HP_PORTAL_FILES_BUCKET needs the client: install hp-portal[s3].") from error
        settings = self._settings
        return boto3.client(
            "s3",
            endpoint_url=settings.files_endpoint or None,
            region_name=settings.files_region,
            aws_access_key_id=settings.files_key_id or None,
            aws_secret_access_key=settings.files_secret.get_secret_value() or None,
            config=config.Config(
                connect_timeout=CONNECT,
                read_timeout=ANSWER,
                retries={"total_max_attempts": TRIES},
                # What every store that calls itself compatible understands.
                s3={"addressing_style": "path"} if settings.files_endpoint else {},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def prepare(self) -> None:
        """Make the client, so that a missing one is noticed at the start. Raises ConfigurationError."""
        _ = self._client

    @contextmanager
    def _asked(self) -> Iterator[None]:
        client_errors = importlib.import_module("botocore.exceptions")
        try:
            yield
        except client_errors.ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                raise ObjectMissing from error
            raise StoreAway(str(error)) from error
        except (client_errors.BotoCoreError, client_errors.HTTPClientError) as error:
            raise StoreAway(str(error)) from error

    def put(self, name: str, body: bytes) -> None:
        """Keep an object. Raises StoreAway."""
        client = self._client
        with self._asked():
            client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=body)

    def get(self, name: str) -> bytes:
        """An object's bytes. Raises ObjectMissing, StoreAway."""
        client = self._client
        with self._asked():
            answer = client.get_object(Bucket=self._bucket, Key=self._prefix + name)
            return bytes(answer["Body"].read())

    def remove(self, name: str) -> None:
        """Remove an object, which may be gone already. Raises StoreAway."""
        client = self._client
        with self._asked():
            client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    def names(self, before: dt.datetime) -> Iterator[list[str]]:
        """The names of all objects that were kept before a moment, some hundred at a time. Raises StoreAway."""
        client = self._client
        with self._asked():
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            for found in pages:
                yield [
                    each["Key"].removeprefix(self._prefix)
                    for each in found.get("Contents", ())
                    if each["LastModified"] < before
                ]


def make_store(settings: Settings) -> FileStore | None:
    """The store that the settings name; None: contents of files are in the database. Raises ConfigurationError."""
    if not settings.files_bucket:
        return None
    store = FileStore(settings)
    store.prepare()
    return store
