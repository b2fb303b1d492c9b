"""moto's server driven by boto3: S3 with multipart uploads, DynamoDB, SQS, and its own server."""

from __future__ import annotations

import hashlib
import io
from contextlib import contextmanager

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

DISTRIBUTIONS = ["moto", "boto3"]
APP = "cloud.py"

PART = 5 * 1024 * 1024


def client_of(service, address, kind=boto3.client):
    """A client of a service at an address of this machine."""
    host, port = address
    return kind(
        service,
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(proxies={}, retries={"max_attempts": 1}),
    )


@pytest.fixture
def s3(program):
    return client_of("s3", program.address)


@pytest.fixture
def bucket(s3, request):
    name = request.node.name.replace("_", "-").partition("[")[0][:60]
    s3.create_bucket(Bucket=name)
    return name


@contextmanager
def refused(code):
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code


def test_an_object_is_kept_as_it_was_put(s3, bucket):
    put = s3.put_object(
        Bucket=bucket,
        Key="letters/ä & b?.txt",
        Body="Grüße".encode(),
        ContentType="text/plain; charset=utf-8",
        Metadata={"written-by": "ada"},
    )
    got = s3.get_object(Bucket=bucket, Key="letters/ä & b?.txt")
    assert got["Body"].read().decode() == "Grüße"
    assert got["ETag"] == put["ETag"] == f'"{hashlib.md5("Grüße".encode()).hexdigest()}"'
    assert got["ContentType"] == "text/plain; charset=utf-8"
    assert got["Metadata"] == {"written-by": "ada"}
    assert s3.head_object(Bucket=bucket, Key="letters/ä & b?.txt")["ContentLength"] == 7


def test_a_part_of_an_object_is_read(s3, bucket):
    s3.put_object(Bucket=bucket, Key="alphabet", Body=b"abcdefghij")
    part = s3.get_object(Bucket=bucket, Key="alphabet", Range="bytes=2-4")
    assert (part["Body"].read(), part["ContentRange"]) == (b"cde", "bytes 2-4/10")
    with refused("304"):
        s3.get_object(Bucket=bucket, Key="alphabet", IfNoneMatch=part["ETag"])


def test_objects_are_listed_in_pages_and_by_folder(s3, bucket):
    keys = [f"{folder}/{number}" for folder in "ab" for number in range(3)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    pages = list(
        s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": 4}
        )
    )
    assert [[each["Key"] for each in page["Contents"]] for page in pages] == [keys[:4], keys[4:]]
    folders = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [each["Prefix"] for each in folders["CommonPrefixes"]] == ["a/", "b/"]


def test_a_large_file_goes_up_in_parts_and_comes_down_whole(s3, bucket):
    content = bytes(range(256)) * (PART // 256) + b"the last part"
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=2)
    s3.upload_fileobj(io.BytesIO(content), bucket, "large", Config=config)
    assert s3.head_object(Bucket=bucket, Key="large")["ETag"].endswith('-2"')
    down = io.BytesIO()
    s3.download_fileobj(bucket, "large", down, Config=config)
    assert down.getvalue() == content


def test_an_upload_that_is_given_up_leaves_nothing(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="large")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="large", UploadId=upload, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(Bucket=bucket, Key="large", UploadId=upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    with refused("NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="large")


def test_deleted_objects_are_gone_and_a_full_bucket_stays(s3, bucket):
    for key in "abc":
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    with refused("BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}, {"Key": "c"}]})
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)
    with refused("NoSuchBucket"):
        s3.list_objects_v2(Bucket=bucket)


def test_a_signed_address_needs_no_key(s3, bucket, visitor):
    s3.put_object(Bucket=bucket, Key="open", Body=b"come in")
    address = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "open"})
    assert visitor.get(address.removeprefix(visitor.site)).text == "come in"


def test_a_table_keeps_finds_and_guards_items(program):
    db = client_of("dynamodb", program.address, boto3.resource)
    table = db.create_table(
        TableName="notes",
        KeySchema=[
            {"AttributeName": "author", "KeyType": "HASH"},
            {"AttributeName": "number", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "author", "AttributeType": "S"},
            {"AttributeName": "number", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    with table.batch_writer() as batch:
        for number in range(30):
            batch.put_item({"author": "ada", "number": number, "tags": {"even", str(number)}})
    found = table.query(
        KeyConditionExpression="author = :a and #n between :low and :high",
        ExpressionAttributeNames={"#n": "number"},
        ExpressionAttributeValues={":a": "ada", ":low": 3, ":high": 5},
    )
    assert [item["number"] for item in found["Items"]] == [3, 4, 5]
    key = {"author": "ada", "number": 3}
    table.update_item(
        Key=key, UpdateExpression="SET words = :w", ExpressionAttributeValues={":w": 7}
    )
    assert table.get_item(Key=key)["Item"] == {**key, "tags": {"even", "3"}, "words": 7}
    with refused("ConditionalCheckFailedException"):
        table.put_item(Item=key, ConditionExpression="attribute_not_exists(author)")
    table.delete()
    with refused("ResourceNotFoundException"):
        table.get_item(Key=key)


def test_a_message_is_hidden_once_received_and_gone_once_deleted(program):
    sqs = client_of("sqs", program.address)
    queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(
        QueueUrl=queue,
        MessageBody="tea für zwei",
        MessageAttributes={"table": {"DataType": "Number", "StringValue": "4"}},
    )
    asked = {"QueueUrl": queue, "MessageAttributeNames": ["All"], "WaitTimeSeconds": 0}
    (message,) = sqs.receive_message(**asked)["Messages"]
    assert message["Body"] == "tea für zwei"
    assert message["MessageAttributes"]["table"]["StringValue"] == "4"
    assert "Messages" not in sqs.receive_message(**asked)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessagesNotVisible"] == "0"
    with refused("AWS.SimpleQueueService.NonExistentQueue"):
        sqs.get_queue_url(QueueName="elsewhere")


def test_its_own_pages_answer_and_forget_everything(s3, bucket, visitor):
    assert "Moto" in visitor.get("/moto-api/").text
    assert bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert visitor.post("/moto-api/reset").json() == {"status": "ok"}
    assert s3.list_buckets()["Buckets"] == []


def test_its_own_server_serves_its_applications_too():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        s3 = client_of("s3", server.get_host_and_port())
        s3.create_bucket(Bucket="own")
        s3.put_object(Bucket="own", Key="key", Body=b"value", Metadata={"under_score": "kept"})
        got = s3.get_object(Bucket="own", Key="key")
        assert (got["Body"].read(), got["Metadata"]) == (b"value", {"under_score": "kept"})
    finally:
        server.stop()
