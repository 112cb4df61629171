import { App } from '@tinyhttp/app';
import bodyParser from 'body-parser';

const app = new App();

app
  .use(bodyParser.urlencoded({ extended: false }))
  .get('/', (_, res) => void res.send('<h1>Hello World</h1>'))
  .get('/page/:page/', (req, res) => {
    res.status(200).send(`You just opened ${req.params.page}, ${req.query.x}`);
  })
  .post('/form', (req, res) => void res.json(req.body))
  .get('/go', (_, res) => void res.redirect('/page/1/'))
  .listen(3000);
