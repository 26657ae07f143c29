// Requests to the server that this page came from.

export class Problem extends Error {
  constructor(text, kind, status) {
    super(text);
    this.kind = kind;
    this.status = status;
  }
}

async function asked(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server does not answer. Start `neurostore serve` again and open its new address.", "gone", 0);
  }
  const text = await response.text();
  let content = null;
  try { content = JSON.parse(text); } catch { content = { error: text || `status ${response.status}` }; }
  if (!response.ok) throw new Problem(content.error || `status ${response.status}`, content.kind || "", response.status);
  return content;
}

export function get(name, values = {}, signal) {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) for (const one of [value].flat()) if (one !== null && one !== undefined) given.append(key, one);
  return asked(`/api/${name}?${given}`, { signal });
}

export function post(name, body, signal) {
  return asked(`/api/${name}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
}

// base64 of little-endian float32
export function numbers(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}
