import { data, Form, Link, Outlet, redirect, useLoaderData } from 'react-router';

function Layout() {
  return (
    <html lang="en">
      <body>
        <nav>
          <Link to="/">Home</Link> <Link to="/posts/1">First</Link>
        </nav>
        <Outlet />
      </body>
    </html>
  );
}

function Home() {
  return (
    <Form method="post">
      <input name="title" />
    </Form>
  );
}

function Post() {
  const { id, title } = useLoaderData();
  return (
    <h1>
      {id}: {title}
    </h1>
  );
}

const posts = { 1: 'Hello <World>' };

export const routes = [
  {
    path: '/',
    Component: Layout,
    children: [
      {
        index: true,
        Component: Home,
        async action({ request }) {
          const form = await request.formData();
          return redirect(`/posts/${form.get('title')}`);
        },
      },
      {
        path: 'posts/:id',
        Component: Post,
        ErrorBoundary: () => <h1>No such post</h1>,
        loader({ params: { id } }) {
          if (posts[id] === undefined) throw data('Not Found', { status: 404 });
          return { id, title: posts[id] };
        },
      },
    ],
  },
];
