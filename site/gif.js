/* A small writer of animated GIF files. */

const BITS = 8, COLOURS = 1 << BITS, CLEAR = COLOURS, END = COLOURS + 1, MOST = 4096;

/** frames [{data: RGBA bytes, milliseconds}], all width x height -> the bytes of a GIF that repeats. */
export function gif(frames, width, height) {
  const palette = paletteOf(frames), nearest = indexer(palette), bytes = [];
  const put = (...values) => values.forEach((value) => bytes.push(value & 255));
  const word = (value) => put(value, value >> 8);
  const text = (letters) => put(...Array.from(letters, (letter) => letter.charCodeAt(0)));
  text("GIF89a");
  word(width), word(height), put(0xf0 | BITS - 1, 0, 0);
  for (let i = 0; i < COLOURS; i++) put(...(palette[i] ?? [0, 0, 0]));
  put(0x21, 0xff, 11), text("NETSCAPE2.0"), put(3, 1, 0, 0, 0);
  for (const {data, milliseconds} of frames) {
    put(0x21, 0xf9, 4, 0), word(Math.round(milliseconds / 10)), put(0, 0);
    put(0x2c), word(0), word(0), word(width), word(height), put(0, BITS);
    const packed = compress(Uint8Array.from({length: width * height}, (_, i) => nearest(data, 4 * i)));
    for (let i = 0; i < packed.length; i += 255) {
      const part = packed.slice(i, i + 255);
      put(part.length, ...part);
    }
    put(0);
  }
  put(0x3b);
  return Uint8Array.from(bytes);
}

const key = (data, at) => data[at] << 16 | data[at + 1] << 8 | data[at + 2];

/** At most 256 colours [r, g, b], by median cut: boxes of colours are halved at their longest side. */
function paletteOf(frames) {
  const seen = new Set();
  for (const {data} of frames) for (let i = 0; i < data.length; i += 4) seen.add(key(data, i));
  let boxes = [Array.from(seen, (colour) => [colour >> 16, colour >> 8 & 255, colour & 255])];
  while (boxes.length < COLOURS) {
    const {box, channel, length} = boxes.map(longest).reduce((a, b) => (b.length > a.length ? b : a));
    if (!length) break;
    box.sort((a, b) => a[channel] - b[channel]);
    const half = box.length >> 1;
    boxes = boxes.filter((other) => other !== box).concat([box.slice(0, half), box.slice(half)]);
  }
  const mean = (box, c) => Math.round(box.reduce((sum, colour) => sum + colour[c], 0) / box.length);
  return boxes.map((box) => [0, 1, 2].map((c) => mean(box, c)));
}

/** The channel in which a box of colours is longest. */
function longest(box) {
  const sides = [0, 1, 2].map((channel) => {
    const values = box.map((colour) => colour[channel]);
    return {box, channel, length: Math.max(...values) - Math.min(...values)};
  });
  return sides.reduce((a, b) => (b.length > a.length ? b : a));
}

/** The number of the nearest colour, remembered. */
function indexer(palette) {
  const known = new Map();
  return (data, at) => {
    const colour = key(data, at);
    if (!known.has(colour)) {
      const distance = ([r, g, b]) => (r - data[at]) ** 2 + (g - data[at + 1]) ** 2 + (b - data[at + 2]) ** 2;
      const distances = palette.map(distance);
      known.set(colour, distances.indexOf(Math.min(...distances)));
    }
    return known.get(colour);
  };
}

/** LZW as GIF wants it: codes that grow from 9 to 12 bits, lowest bit first. */
function compress(indices) {
  const bytes = [];
  let buffer = 0, filled = 0, size, next, table;
  const emit = (code) => {
    buffer |= code << filled;
    filled += size;
    for (; filled >= 8; filled -= 8, buffer >>>= 8) bytes.push(buffer & 255);
  };
  const start = () => { [size, next, table] = [BITS + 1, END + 1, new Map()]; };
  start();
  emit(CLEAR);
  let prefix = indices[0];
  for (const index of indices.subarray(1)) {
    const longer = prefix << BITS | index;
    if (table.has(longer)) {
      prefix = table.get(longer);
      continue;
    }
    emit(prefix);
    if (next === MOST) {
      emit(CLEAR);
      start();
    } else {
      if (next === 1 << size) size++;
      table.set(longer, next++);
    }
    prefix = index;
  }
  emit(prefix);
  emit(END);
  if (filled) bytes.push(buffer & 255);
  return bytes;
}
