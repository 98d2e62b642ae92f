/* Fetch what a pair needs; a bar shows how much of it is here. */

const at = (id) => document.getElementById(id);
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

export async function fetched(engine, pair, eightBit) {
  await engine.ready(pair, {eightBit, onProgress: (loaded, total) => {
    const share = `${megabytes(loaded)} of ${megabytes(total)} MB`;
    at("fetching").hidden = false;
    at("progress").value = loaded / total;
    at("fetched").textContent = loaded < total ? `Fetching the network: ${share}` : "Starting the network";
  }});
  at("fetching").hidden = true;
}
