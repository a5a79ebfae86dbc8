// Uploads a file with Uppy, as a page of another origin does: by a form, or in parts to the object store.
//
//     node uppy.mjs <gateway> <key> <origin> form|parts <bytes>
//
// Prints {"file": {…}, "percent": how far Uppy says that it came}. The window is jsdom's, which asks for CORS as browsers do.
import { JSDOM } from "jsdom";

const [gateway, key, origin, way, size] = process.argv.slice(2);
const { window } = new JSDOM("", { url: origin });
for (const name of ["window", "document", "navigator", "XMLHttpRequest", "FormData", "File", "Blob", "ProgressEvent"]) {
  const value = name === "window" ? window : window[name];
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
const { default: Uppy } = await import("@uppy/core");
const { default: XHRUpload } = await import("@uppy/xhr-upload");
const { default: AwsS3 } = await import("@uppy/aws-s3");

const headers = { Authorization: `Bearer ${key}` };

async function ask(method, path, body) {
  const json = body && { body: JSON.stringify(body), headers: { ...headers, "Content-Type": "application/json" } };
  const response = await fetch(gateway + path, { method, headers, ...json });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? undefined : response.json();
}

// What a page needs for uploads in parts: the upload's id is all that Uppy has to remember.
const parts = {
  shouldUseMultipart: true,
  retryDelays: [],
  getChunkSize: () => 8 * 1024 * 1024,
  async createMultipartUpload(file) {
    const { upload } = await ask("POST", "/v1/uploads", { filename: file.name, contentType: file.type, size: file.size });
    return { uploadId: upload.id, key: upload.id };
  },
  signPart: (_, { uploadId, partNumber }) => ask("POST", `/v1/uploads/${uploadId}/parts/${partNumber}`),
  async listParts(_, { uploadId }) {
    const stored = (await ask("GET", `/v1/uploads/${uploadId}/parts`)).parts;
    return stored.map((part) => ({ PartNumber: part.number, Size: part.size }));
  },
  completeMultipartUpload: (_, { uploadId }) => ask("POST", `/v1/uploads/${uploadId}/complete`),
  abortMultipartUpload: (_, { uploadId }) => ask("DELETE", `/v1/uploads/${uploadId}`),
};

const uppy = new Uppy();
if (way === "form") uppy.use(XHRUpload, { endpoint: `${gateway}/v1/files`, headers, fieldName: "file" });
else uppy.use(AwsS3, parts);
const data = new window.File([new Uint8Array(Number(size)).fill(7)], "film ü.mp4", { type: "video/mp4" });
uppy.addFile({ name: data.name, type: data.type, data });
const { successful, failed } = await uppy.upload();
if (failed.length) throw failed[0].error;
console.log(JSON.stringify({ file: successful[0].response.body.file, percent: successful[0].progress.percentage }));
window.close();
