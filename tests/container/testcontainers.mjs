// The stock LocalStack module of testcontainers for Node.js starts our image in the place of LocalStack's: usage
// testcontainers.mjs FOLDER-WITH-MODULES IMAGE.

import { createRequire } from "node:module";

const [folder, image] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const { LocalstackContainer } = require("@testcontainers/localstack");
const { SQSClient, CreateQueueCommand, ListQueuesCommand } = require("@aws-sdk/client-sqs");

const container = await new LocalstackContainer(image).start();
try {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new SQSClient({ endpoint: container.getConnectionUri(), region: "us-east-1", credentials });
  await client.send(new CreateQueueCommand({ QueueName: "made" }));
  const { QueueUrls } = await client.send(new ListQueuesCommand({}));
  if (QueueUrls?.length !== 1) throw new Error(`one queue was expected: ${QueueUrls}`);
} finally {
  await container.stop();
}
console.log("testcontainers for Node.js: all as expected");
