import { error, json } from '@sveltejs/kit';

export function GET({ params, url }) {
  if (params.id === '0') error(404, 'Nobody');
  return json({ id: params.id, q: url.searchParams.get('q') });
}
