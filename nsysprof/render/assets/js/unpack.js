// Bytes that were packed into the page as text (nsysprof/render/pack.py).

// Two characters of 91 hold 13 bits; the first pair of the text says how many of the last bits are padding.
function unpack(id) {
  const { alphabet } = document.getElementById("data").dataset;
  const text = document.getElementById(id).textContent;
  const value = new Uint8Array(128);
  for (let at = 0; at < alphabet.length; at += 1) value[alphabet.charCodeAt(at)] = at;
  const pairs = text.length >> 1;
  const padding = value[text.charCodeAt(0)] * 91 + value[text.charCodeAt(1)];
  const out = new Uint8Array(((pairs - 1) * 13 - padding) >> 3);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let pair = 1; pair < pairs; pair += 1) {
    held = (held << 13) | (value[text.charCodeAt(2 * pair)] * 91 + value[text.charCodeAt(2 * pair + 1)]);
    bits += 13;
    while (bits >= 8) {
      bits -= 8;
      out[at] = held >> bits; // a typed array keeps the low byte; beyond its end nothing is written
      at += 1;
    }
    held &= (1 << bits) - 1;
  }
  return out;
}

async function inflate(packed) {
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter();
  writer.write(packed).then(() => writer.close()).catch(() => {}); // whoever reads is told what is wrong
  return new Response(stream.readable).arrayBuffer();
}
