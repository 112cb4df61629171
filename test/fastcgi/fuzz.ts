// Makes what no web server sends: valid requests with bytes changed, lost, doubled and moved.

/** Returns a generator of numbers from 0 to 1, the same ones for the same seed. Mulberry32. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

export type Random = () => number;

export function below(next: Random, bound: number): number {
  return Math.floor(next() * bound);
}

export function pick<Item>(next: Random, items: readonly [Item, ...Item[]]): Item {
  return items[below(next, items.length)] ?? items[0];
}

/** Returns `bytes` with up to four changes; in one case of four without any. */
export function mutate(next: Random, bytes: Buffer): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = below(next, 5) - 1; changes > 0 && result.length > 0; changes--) {
    const at = below(next, result.length);
    const size = below(next, 20);
    const piece = result.subarray(at, at + size);
    switch (below(next, 6)) {
      case 0:
        result[at] = below(next, 256);
        break;
      case 1:
        result[at] = (result[at] ?? 0) ^ (1 << below(next, 8));
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + size)]);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, at), piece, piece, result.subarray(at + size)]);
        break;
      case 4:
        result = Buffer.concat([result.subarray(0, at), Buffer.alloc(size, below(next, 256)), result.subarray(at)]);
        break;
      default:
        result = result.subarray(0, at);
    }
  }
  return result;
}

/** Returns `bytes` in one to four pieces. */
export function* cut(next: Random, bytes: Buffer): Generator<Buffer> {
  let rest = bytes;
  for (let cuts = below(next, 4); cuts > 0 && rest.length > 1; cuts--) {
    const at = 1 + below(next, rest.length - 1);
    yield rest.subarray(0, at);
    rest = rest.subarray(at);
  }
  if (rest.length > 0) yield rest;
}
