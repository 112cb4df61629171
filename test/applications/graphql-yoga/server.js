const { createServer } = require('node:http');
const { createSchema, createYoga } = require('graphql-yoga');

const yoga = createYoga({
  schema: createSchema({
    typeDefs: /* GraphQL */ `
      type Query {
        hello(name: String): String
      }
      type Mutation {
        upload(text: String!): Int
      }
    `,
    resolvers: {
      Query: {
        hello: (_, { name }) => `Hello ${name ?? 'from Yoga'}!`,
      },
      Mutation: {
        upload: (_, { text }) => text.length,
      },
    },
  }),
  graphiql: false,
  graphqlEndpoint: '*/graphql',
});

const server = createServer(yoga);

server.listen(4000, () => {
  console.info('Server is running on http://localhost:4000/graphql');
});
