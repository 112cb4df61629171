interface Env {
  GREETING?: string;
}

interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void;
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const url = new URL(request.url);
    switch (url.pathname) {
      case '/':
        ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 5)));
        return new Response(`${env.GREETING ?? 'Hello'} World!`);
      case '/json':
        return Response.json({ method: request.method, agent: request.headers.get('user-agent') });
      case '/go':
        return Response.redirect('https://example.com/', 308);
      case '/crypto': {
        const digest = await crypto.subtle.digest('SHA-256', await request.arrayBuffer());
        return new Response(new Uint8Array(digest).reduce((text, byte) => text + byte.toString(16).padStart(2, '0'), ''));
      }
      case '/rewritten': {
        const upper = new TransformStream<string, string>({ transform: (text, out) => out.enqueue(text.toUpperCase()) });
        const { body } = new Response('some text');
        return new Response(body?.pipeThrough(new TextDecoderStream()).pipeThrough(upper).pipeThrough(new TextEncoderStream()), {
          headers: { 'Content-Type': 'text/plain' },
        });
      }
      default:
        return new Response('Not Found', { status: 404 });
    }
  },
};
