// Verifies an entry with @sigstore/verify: the signature of the checkpoint in a proof, and the path to its root.
// Arguments: the package's folder, the log's key, the proof, the entry. Exit code 0 if both hold.
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, keyFile, proofFile, entryFile] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { verifyCheckpoint } = require("./dist/tlog/checkpoint.js");
const { verifyMerkleInclusion } = require("./dist/tlog/merkle.js");

// A key of a note: NAME+HASH+BASE64, of the kind and 32 bytes of Ed25519. The name may have no plus sign.
const [name, hash, ...rest] = readFileSync(keyFile, "utf8").trim().split("+");
const raw = Buffer.from(rest.join("+"), "base64").subarray(1);
const publicKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });

const text = readFileSync(proofFile, "utf8");
const [head, ...note] = text.split("\n\n");
const lines = head.split("\n");
const logIndex = lines.find((line) => line.startsWith("index "))?.slice(6);
const hashes = lines.slice(lines.findIndex((line) => line.startsWith("index ")) + 1).map((line) => Buffer.from(line, "base64"));
const entry = {
  canonicalizedBody: readFileSync(entryFile),
  inclusionProof: { logIndex, hashes, checkpoint: { envelope: note.join("\n\n") } },
};
try {
  const checkpoint = verifyCheckpoint(entry, [{ logID: Buffer.from(hash, "hex"), baseURL: `https://${name}`, publicKey }]);
  verifyMerkleInclusion(entry, checkpoint);
} catch (error) {
  console.log(`refused: ${error.message}`);
  process.exit(1);
}
console.log("accepted");
