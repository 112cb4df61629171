const feathersExpress = require('@feathersjs/express');
const { feathers } = require('@feathersjs/feathers');

class MessageService {
  constructor() {
    this.messages = [{ id: 0, text: 'Hi' }];
  }

  async find(params) {
    return { data: this.messages, query: params.query };
  }

  async get(id) {
    return this.messages[id];
  }

  async create(data) {
    const message = { id: this.messages.length, text: data.text };
    this.messages.push(message);
    return message;
  }
}

const app = feathersExpress.default(feathers());

app.use(feathersExpress.json());
app.use(feathersExpress.urlencoded({ extended: true }));
app.configure(feathersExpress.rest());
app.use('messages', new MessageService());
app.use(feathersExpress.notFound());
app.use(feathersExpress.errorHandler({ logger: false, html: false }));

app.listen(3030).then(() => console.log('Feathers server listening on localhost:3030'));
